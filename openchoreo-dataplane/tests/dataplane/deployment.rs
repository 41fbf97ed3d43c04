//! What a Deployment does in its data plane while its parents live.

use openchoreo_core::kind::PlaneKey;
use openchoreo_core::world::{Disconnect, PlaneState, Select};
use openchoreo_types::check;
use openchoreo_types::v1alpha1 as oc;
use serde_json::{Value, json};

use crate::lab::{Lab, administration, artifact, build, component, deployment, plane, platform, reason, verdict};

fn group(value: &str) -> String {
    format!(
        "
apiVersion: openchoreo.dev/v1alpha1
kind: ConfigurationGroup
metadata: {{name: database, namespace: acme}}
spec: {{configurations: [{{key: host, values: [{{environment: development, value: {value}}}]}}]}}
"
    )
}

const USES_GROUP: &str = "env: [{key: HOST, valueFrom: {configurationGroupRef: {name: database, key: host}}}]";

fn pod_annotation(lab: &Lab) -> Value {
    lab.of_kind("acme", "Deployment")[0].pointer("/spec/template/metadata/annotations").cloned().unwrap_or_default()
}

#[test]
fn a_component_from_yaml_becomes_objects_and_is_ready_when_they_run() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    let kinds: Vec<String> =
        lab.in_plane("acme").iter().filter_map(|o| o.split(' ').next().map(str::to_owned)).collect();
    assert_eq!(kinds, ["Namespace", "Service", "Deployment"]);
    assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "DeploymentProgressing"));
    assert_eq!(
        lab.condition("acme", "cart-development", "ArtifactResolved"),
        verdict("True", "ArtifactResolvedSuccessfully")
    );
    lab.run_workloads("acme");
    assert_eq!(lab.ready("acme", "cart-development"), verdict("True", "DeploymentReady"));
    assert!(lab.is_at_rest());
}

#[test]
fn the_order_in_which_things_are_written_does_not_matter() {
    let platform = platform();
    let everything = format!("{}\n---\n{}", administration("acme"), component("acme", "cart"));
    let mut documents: Vec<&str> = everything.split("\n---\n").collect();
    let mut forward = Lab::new(&platform);
    forward.connect("acme");
    documents.iter().for_each(|document| forward.apply(document));
    documents.reverse();
    let mut backward = Lab::new(&platform);
    documents.iter().for_each(|document| backward.apply(document));
    backward.connect("acme");
    backward.apply("");
    assert_eq!(forward.in_plane("acme"), backward.in_plane("acme"));
    assert_eq!(forward.in_plane("acme").len(), 3);
}

#[test]
fn endpoints_follow_the_templates_of_the_artifact() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    let endpoints = |lab: &Lab| -> Vec<(String, Value)> {
        let all = lab.offline.world().all(&PlaneKey::Control).into_iter();
        let endpoints = all.filter(|(key, _)| key.kind.kind == "Endpoint");
        endpoints.map(|(key, live)| (key.name, live.json()["metadata"]["labels"].clone())).collect()
    };
    let first = endpoints(&lab);
    assert_eq!(first.len(), 1);
    for (label, wanted) in [
        ("component", "cart"),
        ("environment", "development"),
        ("deployment-track", "main"),
        ("deployment", "cart-development"),
        ("name", "web"),
        ("organization", "acme"),
        ("project", "shop"),
    ] {
        assert_eq!(first[0].1[format!("openchoreo.dev/{label}")], wanted, "{label}");
    }
    lab.apply(&artifact("acme", "cart", "cart-v1", "").replace("name: web", "name: api"));
    let renamed = endpoints(&lab);
    assert_eq!(renamed.len(), 1);
    assert_ne!(renamed[0].0, first[0].0);
}

#[test]
fn a_changed_setting_replaces_the_pods() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&group("one"));
    lab.apply(&component("acme", "cart"));
    assert_eq!(pod_annotation(&lab), Value::Null);
    lab.apply(&artifact("acme", "cart", "cart-v1", USES_GROUP));
    let before = pod_annotation(&lab);
    lab.apply(&group("two"));
    assert_ne!(pod_annotation(&lab), before);
    assert_eq!(lab.of_kind("acme", "ConfigMap")[0]["data"], json!({"host": "two"}));
}

#[test]
fn a_deleted_configuration_group_keeps_what_runs_and_is_missed() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&group("one"));
    lab.apply(&component("acme", "cart"));
    lab.apply(&artifact("acme", "cart", "cart-v1", USES_GROUP));
    let before = lab.in_plane("acme");
    lab.delete::<oc::ConfigurationGroup>("acme", "database");
    assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "ConfigurationGroupNotFound"));
    assert_eq!(lab.in_plane("acme"), before);
    lab.apply(&group("one"));
    assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "DeploymentProgressing"));
}

#[test]
fn of_two_groups_that_go_by_one_name_the_elder_has_it() {
    let mut lab = Lab::with_organization(&platform(), "acme");
    for (name, day) in [("elder", 1), ("a-younger", 2)] {
        let labels =
            format!("creationTimestamp: '2026-01-0{day}T00:00:00Z', labels: {{openchoreo.dev/name: database}}");
        lab.apply(&group("one").replace("name: database,", &format!("name: {name}, {labels},")));
    }
    let ready = |name: &str| reason(&lab.control::<oc::ConfigurationGroup>("acme", name).expect("it exists"), "Ready");
    assert_eq!(ready("elder").0, "True");
    assert_eq!(ready("a-younger"), verdict("False", "DuplicateName"));
}

#[test]
fn a_value_of_a_group_is_one_and_for_one_place() {
    let mut lab = Lab::with_organization(&platform(), "acme");
    for (value, is_good) in [
        ("environment: development, value: x", true),
        ("environment: development, vaultKey: secret/x", true),
        ("environment: development, value: x, vaultKey: secret/x", false),
        ("environment: development", false),
        ("value: x", false),
        ("environment: development, environmentGroupRef: all, value: x", false),
    ] {
        lab.apply(&group("x").replace("environment: development, value: x", value));
        let shown = lab.control::<oc::ConfigurationGroup>("acme", "database").expect("it exists");
        assert_eq!(reason(&shown, "Ready").1 != "ValueConflict", is_good, "{value}: {shown}");
    }
}

#[test]
fn a_group_that_cannot_be_used_is_named_with_its_field() {
    let mut lab = Lab::with_organization(&platform(), "acme");
    let key = "{key: host, values: [{environment: development, value: one}]}";
    lab.apply(&group("one").replace("[{key", &format!("[{key}, {{key")));
    lab.apply(&component("acme", "cart"));
    lab.apply(&artifact("acme", "cart", "cart-v1", USES_GROUP));
    let message = lab.message("acme", "cart-development", "Ready");
    for part in ["ConfigurationGroup `database`", "spec.configurations[1].key", "`host` is there twice"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn what_cannot_be_rendered_changes_nothing_and_says_which_field() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    let before = lab.of_kind("acme", "Deployment");
    let cases = [
        ("resourceLimits: {cpu: lots}", "resourceLimits.cpu"),
        ("env: [{key: 'a=b', value: x}]", "env[0].key"),
        ("env: [{key: A, value: x}, {key: A, value: z}]", "env[1].key"),
        ("fileMounts: [{mountPath: etc/x, value: x}]", "fileMounts[0].mountPath"),
        ("fileMounts: [{mountPath: /x, value: x}, {mountPath: /x/, value: z}]", "fileMounts[1].mountPath"),
        ("scaling: {hpa: {minReplicas: 3, maxReplicas: 2}}", "scaling.hpa.maxReplicas"),
        ("scaling: {hpa: {maxReplicas: 2}}", "resourceLimits.cpu"),
        ("scaling: {s2z: {maxReplicas: 2}}", "scaling.s2z"),
    ];
    for (application, field) in cases {
        lab.apply(&artifact("acme", "cart", "cart-v1", application));
        assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "RenderFailed"), "{application}");
        let shown = lab.control::<oc::Deployment>("acme", "cart-development").expect("it exists").to_string();
        assert!(shown.contains(field), "{field}: {shown}");
        assert_eq!(lab.of_kind("acme", "Deployment"), before, "{application}");
    }
}

#[test]
fn artifacts_that_cannot_be_resolved_say_why() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    let target = "targetArtifact: {fromImageRef: {tag: 'registry.example.com/cart-v1:1'}}";
    let cases = [
        ("targetArtifact: {fromImageRef: {tag: v1}}", "ArtifactImageInvalid"),
        ("targetArtifact: {}", "ArtifactImageInvalid"),
        ("targetArtifact: {fromBuildRef: {name: none}}", "ArtifactBuildNotFound"),
        ("targetArtifact: {fromBuildRef: {gitRevision: abc}}", "ArtifactBuildNotFound"),
    ];
    for (written, reason) in cases {
        lab.apply(&artifact("acme", "cart", "cart-v1", "").replace(target, written));
        assert_eq!(lab.condition("acme", "cart-development", "ArtifactResolved").1, reason);
        assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "ArtifactNotResolved"));
    }
    lab.apply(&build(""));
    assert_eq!(lab.condition("acme", "cart-development", "ArtifactResolved").1, "ArtifactBuildNotFinished");
    lab.apply(&build("registry.example.com/built:1"));
    assert_eq!(lab.condition("acme", "cart-development", "ArtifactResolved").1, "ArtifactResolvedSuccessfully");
    let image = lab.of_kind("acme", "Deployment")[0].pointer("/spec/template/spec/containers/0/image").cloned();
    assert_eq!(image, Some(json!("registry.example.com/built:1")));
}

#[test]
fn a_schedule_is_judged_as_that_of_a_descriptor_is() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "nightly").replace("type: Service", "type: ScheduledTask"));
    let deploys = |lab: &mut Lab, cron: &str, zone: &str| {
        let task = format!("task: {{schedule: {{cron: {}, timezone: {}}}}}", Value::from(cron), Value::from(zone));
        lab.apply(&artifact("acme", "nightly", "nightly-v1", &task));
        lab.ready("acme", "nightly-development").1 != "RenderFailed"
    };
    for cron in [
        "0 3 * * *",
        "@daily",
        "@every 5m",
        "99 3 * * *",
        "0 3 * *",
        "a b c d e",
        "TZ=UTC 0 3 * * *",
        "*/5 * * JAN mon",
    ] {
        assert_eq!(deploys(&mut lab, cron, "Etc/UTC"), check::cron(cron).is_ok(), "{cron}");
    }
    for zone in ["Europe/Zurich", "Local", "Europe Zurich", "Etc/GMT+5"] {
        assert_eq!(deploys(&mut lab, "@daily", zone), check::time_zone(zone).is_ok(), "{zone}");
    }
}

#[test]
fn the_elder_of_two_deployments_in_one_place_wins() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    lab.apply(&deployment("acme", "cart", "zz-second", "cart-v1"));
    assert_eq!(lab.ready("acme", "zz-second"), verdict("False", "AnotherDeploymentFirst"));
    assert_eq!(lab.in_plane("acme").len(), 3);
    lab.delete::<oc::Deployment>("acme", "cart-development");
    assert_eq!(lab.ready("acme", "zz-second"), verdict("False", "DeploymentProgressing"));
    assert_eq!(lab.in_plane("acme").len(), 3);
}

#[test]
fn two_tracks_in_one_environment_run_beside_each_other() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    let next = |written: String| written.replace("deployment-track: main", "deployment-track: next");
    lab.apply(
        "
apiVersion: openchoreo.dev/v1alpha1
kind: DeploymentTrack
metadata: {name: cart-next, namespace: acme, labels: {openchoreo.dev/component: cart, openchoreo.dev/name: next}}
spec: {autoDeploy: false}
",
    );
    lab.apply(&next(artifact("acme", "cart", "cart-v2", "")));
    lab.apply(&next(deployment("acme", "cart", "cart-next-development", "cart-v2")));
    let of = |kind: &str, pointer: &str| -> Vec<Value> {
        lab.of_kind("acme", kind).iter().map(|live| live.pointer(pointer).cloned().unwrap_or_default()).collect()
    };
    let images = of("Deployment", "/spec/template/spec/containers/0/image");
    assert_eq!(images, ["registry.example.com/cart-v1:1", "registry.example.com/cart-v2:1"]);
    for (kind, selector) in [("Deployment", "/spec/selector/matchLabels"), ("Service", "/spec/selector")] {
        let selectors = of(kind, selector);
        assert_eq!(selectors.len(), 2, "{kind}");
        assert_ne!(selectors[0], selectors[1], "{kind}");
    }
    let endpoints = Select::of::<oc::Endpoint>().namespace("acme");
    assert_eq!(lab.offline.world().list(&PlaneKey::Control, &endpoints).len(), 2);
    lab.delete::<oc::Deployment>("acme", "cart-next-development");
    assert_eq!(lab.ready("acme", "cart-development").1, "DeploymentProgressing");
    assert_eq!(lab.in_plane("acme").len(), 3);
}

#[test]
fn two_organizations_with_colliding_names_never_meet() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.connect("globex");
    lab.apply(&administration("globex"));
    lab.apply(&component("acme", "cart"));
    lab.apply(&component("globex", "cart"));
    let (one, two) = (lab.in_plane("acme"), lab.in_plane("globex"));
    assert_eq!((one.len(), two.len()), (3, 3));
    assert!(one.iter().all(|object| !two.contains(object)), "{one:?} {two:?}");
    lab.delete::<oc::Component>("acme", "cart");
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
    assert_eq!(lab.in_plane("globex"), two);
}

#[test]
fn a_label_cannot_place_a_deployment_in_another_organization() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.connect("globex");
    lab.apply(&administration("globex"));
    lab.apply(&component("acme", "cart"));
    let claim = deployment("acme", "cart", "claim", "cart-v1")
        .replace("labels: {", "labels: {openchoreo.dev/organization: globex, ");
    lab.apply(&claim);
    assert_eq!(lab.ready("acme", "claim"), verdict("False", "LabelContradiction"));
    assert_eq!(lab.in_plane("globex"), Vec::<String>::new());
}

#[test]
fn a_plane_that_does_not_answer_keeps_what_is_known_of_it() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    let before = lab.in_plane("acme");
    let dead = PlaneState::Unreachable {
        since: k8s_openapi::jiff::Timestamp::UNIX_EPOCH,
        cause: Disconnect::NoAnswer,
        error: "no route".to_owned(),
    };
    lab.offline.set_plane_state(&plane("acme"), dead);
    lab.apply("");
    assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "PlaneUnreachable"));
    assert_eq!(lab.in_plane("acme"), before);
    lab.connect("acme");
    lab.apply("");
    assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "DeploymentProgressing"));
}
