//! The cases of the compatible system, field by field, with the compatible names, hosts and paths.

use std::collections::BTreeMap;

use openchoreo_core::extension::{EndpointContext, Gateway, IsolationContext, NetworkPolicyDialect};
use openchoreo_core::naming::{
    CellId, CompatNaming, ComponentId, HostContext, HostnameScheme, NamingScheme, UpstreamHostnames, Visibility,
};
use openchoreo_core::platform::PlatformSettings;
use openchoreo_net::gateway::operation_regex;
use openchoreo_net::{CiliumNetworkPolicies, EnvoyGateway, PathStyle};
use openchoreo_types::v1alpha1::{Endpoint, Environment};
use serde_json::{Value, json};

use crate::support::shared;

fn cases(renderer: &str) -> Vec<Value> {
    let Some(folder) = shared("render_cases") else { return Vec::new() };
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    files.sort();
    let cases =
        files.iter().map(|path| serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap()).unwrap());
    let cases: Vec<Value> = cases.filter(|case| case["renderer"] == renderer).collect();
    assert!(!cases.is_empty(), "there is no case for {renderer}");
    cases
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn routes_are_those_of_the_compatible_system() {
    for case in cases("legacy.http_routes") {
        let input = &case["input"];
        let gateway = text(input, "/gateway");
        let visibility = if gateway == "gateway-external" { Visibility::Public } else { Visibility::Organization };
        let domain = match visibility {
            Visibility::Public => text(input, "/dataPlane/spec/gateway/publicVirtualHost"),
            Visibility::Organization => text(input, "/dataPlane/spec/gateway/organizationVirtualHost"),
        };
        let organization = text(input, "/project/metadata/labels/openchoreo.dev~1organization");
        let component = ComponentId::new(
            organization,
            text(input, "/project/metadata/name"),
            text(input, "/component/metadata/name"),
        );
        let id = component.endpoint(text(input, "/environment/metadata/name"), text(input, "/endpoint/metadata/name"));
        let mut environment = input["environment"].clone();
        // Tokens are checked with somebody's keys; the case does not name any, and the system does not ask.
        environment["spec"]["gateway"]["security"] = json!({"remoteJwks": {"uri": "https://keys.example/jwks"}});
        let host = HostContext {
            domain,
            visibility,
            component_type: text(input, "/component/spec/type"),
            dns_prefix: Some(text(input, "/environment/spec/gateway/dnsPrefix")),
        };
        let mut endpoint = input["endpoint"].clone();
        if let Some(rest) =
            endpoint.pointer_mut("/spec/networkVisibilities/public/policies/0/policySpec/oauth2/jwt/authorization/rest")
        {
            rest["claimsToHeaders"] = json!([]);
        }
        let rendered = EnvoyGateway::with_paths(PathStyle::ProjectAndComponent)
            .render(&EndpointContext {
                id,
                namespace: &CompatNaming.cell_namespace(&id.cell()).unwrap(),
                naming: &CompatNaming,
                endpoint: &serde_json::from_value::<Endpoint>(endpoint).unwrap(),
                environment: &serde_json::from_value::<Environment>(environment).unwrap(),
                component_type: host.component_type,
                visibility,
                gateway,
                gateway_namespace: "choreo-system",
                hostname: &UpstreamHostnames::default().hostname(&id, &host).unwrap(),
                service: &CompatNaming.workload(&component, text(input, "/deploymentTrack/metadata/name")).unwrap(),
                labels: &BTreeMap::new(),
            })
            .unwrap();
        let routes =
            rendered.into_iter().filter(|object| object.kind().kind == "HTTPRoute").map(|object| object.json());
        let mut routes: Vec<Value> = routes
            .map(|route| {
                let metadata = json!({"name": route["metadata"]["name"], "namespace": route["metadata"]["namespace"]});
                json!({"metadata": metadata, "spec": route["spec"]})
            })
            .collect();
        let mut expected = case["expected"].as_array().unwrap().clone();
        for list in [&mut routes, &mut expected] {
            list.sort_by_key(|route| text(route, "/metadata/name").to_owned());
        }
        assert_eq!(routes, expected, "{}", case["id"]);
    }
}

#[test]
fn expressions_of_operations_are_those_of_the_compatible_system() {
    for case in cases("legacy.operation_path_regex") {
        let input = &case["input"];
        let regex = operation_regex(text(input, "/basePath"), text(input, "/operation"), text(input, "/pathMatch"));
        assert_eq!(regex, text(&case, "/expected/regex"), "{}", case["id"]);
    }
}

#[test]
fn the_cilium_policy_is_that_of_the_compatible_system() {
    for case in cases("legacy.cilium_network_policy") {
        let cell = CellId::new(
            text(&case, "/input/project/metadata/labels/openchoreo.dev~1organization"),
            text(&case, "/input/project/metadata/labels/openchoreo.dev~1name"),
            text(&case, "/input/environment/metadata/labels/openchoreo.dev~1name"),
        );
        let labels = case["expected"]["metadata"]["labels"].clone();
        let policies = CiliumNetworkPolicies
            .policies(&IsolationContext {
                namespace: &CompatNaming.cell_namespace(&cell).unwrap(),
                isolation: &PlatformSettings::default().isolation_of_cell(cell.organization).unwrap(),
                labels: &serde_json::from_value(labels).unwrap(),
            })
            .unwrap();
        assert_eq!(policies[0].json(), case["expected"], "{}", case["id"]);
    }
}

#[test]
fn the_host_of_a_web_application_is_that_of_the_compatible_system() {
    for case in cases("legacy.webapp_hostname") {
        let component = ComponentId::new("any", "any", text(&case, "/expected/componentResourceName"));
        let id = component.endpoint(text(&case, "/input/environment"), "any");
        let host = HostContext {
            domain: "ignored.example",
            visibility: Visibility::Public,
            component_type: "WebApplication",
            dns_prefix: None,
        };
        let hostname = UpstreamHostnames::default().hostname(&id, &host).unwrap();
        assert_eq!(hostname.as_str(), text(&case, "/expected/hostname"));
    }
}

#[test]
fn each_visibility_has_its_gateway() {
    // The names of the gateways are settings; the compatible system writes these two into its code.
    let settings = PlatformSettings {
        external_gateway: "gateway-external".to_owned(),
        internal_gateway: "gateway-internal".to_owned(),
        ..PlatformSettings::default()
    };
    for case in cases("legacy.visibility") {
        let Some(gateway) = case.pointer("/expected/gateway").and_then(Value::as_str) else { continue };
        let visibility = match text(&case, "/input/strategy") {
            "public" => Visibility::Public,
            _ => Visibility::Organization,
        };
        assert_eq!(settings.gateway(visibility, "acme"), gateway, "{}", case["id"]);
    }
}
