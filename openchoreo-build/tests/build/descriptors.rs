//! What a component descriptor may say, and what is answered to one that cannot be used.

use openchoreo_build::descriptor::{Descriptor, Exposure};
use openchoreo_core::extension::chain;
use openchoreo_types::check;
use openchoreo_types::common::EndpointType;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

fn one_endpoint(fields: &str) -> String {
    format!("metadata:\n  name: cart\nendpoints:\n  - name: api\n    port: 8080\n    type: REST\n{fields}")
}

#[test]
fn a_full_descriptor_is_read() {
    let text = "apiVersion: openchoreo.dev/v1alpha1
metadata: { name: cart }
endpoints:
  - { name: api, port: 9090, type: REST, context: /cart, visibility: Organization, schemaFile: api.yaml }
  - { name: events, port: 9091, type: grpc }
connections: [{ name: other, type: api }]
schedule: { cron: '0 3 * * *', timezone: Europe/Berlin }
";
    let descriptor = Descriptor::parse(text).unwrap();
    let seen: Vec<_> = descriptor
        .endpoints
        .iter()
        .map(|e| (e.name.as_str(), e.port, e.type_, e.base_path.as_str(), e.exposure))
        .collect();
    assert_eq!(
        seen,
        [
            ("api", 9090, EndpointType::Rest, "/cart", Some(Exposure::Organization)),
            ("events", 9091, EndpointType::Grpc, "/", None),
        ]
    );
    assert_eq!(descriptor.schedule.unwrap().cron, "0 3 * * *");
}

#[test]
fn the_widest_visibility_that_is_written_counts_and_none_is_none() {
    for (fields, exposure) in [
        ("", None),
        ("    visibility: project\n", Some(Exposure::Project)),
        ("    networkVisibilities: [Project, Organization]\n", Some(Exposure::Organization)),
        ("    networkVisibilities: { public: { enable: true } }\n", Some(Exposure::Public)),
        ("    networkVisibilities: { public: { enable: false } }\n", Some(Exposure::Project)),
        ("    networkVisibilities: []\n", None),
    ] {
        let descriptor = Descriptor::parse(&one_endpoint(fields)).unwrap();
        assert_eq!(descriptor.endpoints[0].exposure, exposure, "{fields}");
    }
}

#[test]
fn a_descriptor_that_cannot_be_used_is_answered_with_the_field_and_what_would_be_right() {
    for (text, answer) in [
        ("endpoints: []".to_owned(), "`metadata.name`"),
        ("metadata: {name: cart}\nendpoints: [{port: 1, type: REST}]".to_owned(), "`endpoints[0].name`"),
        ("metadata: {name: cart}\nendpoints: [{name: A B, port: 1, type: REST}]".to_owned(), "`endpoints[0].name`"),
        ("metadata: {name: cart}\nendpoints: [{name: api, type: REST}]".to_owned(), "`endpoints[0].port`"),
        ("metadata: {name: cart}\nendpoints: [{name: api, port: 70000, type: REST}]".to_owned(), "between 1 and 65535"),
        ("metadata: {name: cart}\nendpoints: [{name: api, port: 80}]".to_owned(), "it can be HTTP, REST"),
        ("metadata: {name: cart}\nendpoints: [{name: api, port: 80, type: SOAP}]".to_owned(), "`SOAP`"),
        (one_endpoint("    visibility: pubic\n"), "`pubic`"),
        (one_endpoint("    networkVisibilities: public\n"), "must be a list"),
        (one_endpoint("    basePath: /a\n    context: /b\n"), "give one of them"),
        (one_endpoint("    basePath: /a/../b\n"), "without `..`"),
        (one_endpoint("  - { name: api, port: 1, type: REST }\n"), "names must differ"),
        ("metadata: {name: cart}\nschedule: {cron: never}".to_owned(), "five fields"),
        ("- a list".to_owned(), "cannot be read"),
        ("x".repeat(300_000), "longer than"),
        (one_endpoint(&format!("    basePath: /{}\n", "a".repeat(5_000))), "`endpoints[0].basePath`"),
        (format!("metadata: {{name: cart}}\nschedule: {{cron: '{} * * * *'}}", "1,".repeat(3_000)), "`schedule.cron`"),
        (one_endpoint(&format!("    networkVisibilities: {}\n", "[".repeat(100_000))), "cannot be read"),
    ] {
        let error = Descriptor::parse(&text).expect_err("a descriptor that cannot be used");
        assert!(chain(&error).contains(answer), "`{answer}` is missing in: {}", chain(&error));
    }
}

/// A schedule: of values that are in range or nearly, names, and what looks like one.
fn any_schedule() -> impl Strategy<Value = String> {
    let field = prop_oneof![
        Just("*".to_owned()),
        (0..70_u32).prop_map(|value| value.to_string()),
        (0..8_u32, 0..40_u32).prop_map(|(from, to)| format!("{from}-{to}")),
        (0..70_u32).prop_map(|step| format!("*/{step}")),
        select(vec!["JAN", "mon", "?", "L", "1,2", "#", "5#2", "a", "-1"]).prop_map(str::to_owned),
    ];
    let fields = proptest::collection::vec(field, 4..7).prop_map(|fields| fields.join(" "));
    let names =
        select(vec!["@daily", "@every 5m", "@reboot", "TZ=UTC * * * * *", "CRON_TZ=UTC 0 0 * * *", "0  0 * * *", ""]);
    prop_oneof![fields, names.prop_map(str::to_owned)]
}

proptest! {
    /// What a build accepts is what can be deployed: no schedule, time zone, path or port is judged differently there.
    #[test]
    fn a_descriptor_is_held_to_the_checks_of_manifests(
        cron in any_schedule(),
        zone in "[A-Za-z/_+ é-]{0,12}",
        path in "/[a-z./%{}~ ?#:-]{0,12}",
        port in -1_i64..70_000,
        types in proptest::collection::vec(select(vec!["HTTP", "gRPC", "TCP", "UDP"]), 2),
    ) {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let is_read = |text: &str| Descriptor::parse(text).is_ok();
        let schedule = format!("metadata: {{name: cart}}\nschedule: {{cron: {}, timezone: UTC}}", quoted(&cron));
        prop_assert_eq!(is_read(&schedule), check::cron(&cron).is_ok());
        let schedule = format!("metadata: {{name: cart}}\nschedule: {{cron: '@daily', timezone: {}}}", quoted(&zone));
        // An empty text is none.
        prop_assert_eq!(is_read(&schedule), zone.is_empty() || check::time_zone(&zone).is_ok());
        prop_assert_eq!(is_read(&one_endpoint(&format!("    basePath: {}\n", quoted(&path)))), check::path(&path).is_ok());
        let endpoint = |name: &str, type_: &str| format!("{{name: {name}, port: {port}, type: {type_}}}");
        let endpoints = format!("[{}, {}]", endpoint("a", types[0]), endpoint("b", types[1]));
        let wanted = types.iter().map(|type_| (port, serde_json::from_value(json!(type_)).expect("a type")));
        let is_accepted = check::port(port).is_ok() && check::shared_ports(wanted).is_ok();
        prop_assert_eq!(is_read(&format!("metadata: {{name: cart}}\nendpoints: {endpoints}")), is_accepted);
    }
}
