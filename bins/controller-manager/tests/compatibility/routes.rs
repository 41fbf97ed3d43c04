//! Cases of routes: the objects, the expressions of operations, the hosts.

use std::collections::BTreeMap;

use openchoreo_core::extension::{EndpointContext, Gateway as _};
use openchoreo_core::naming::generate::compat_generate;
use openchoreo_core::naming::{
    CompatNaming, ComponentId, EndpointId, HostContext, HostnameScheme as _, NamingScheme as _, UpstreamHostnames,
    Visibility,
};
use openchoreo_net::gateway::operation_regex;
use openchoreo_net::{EnvoyGateway, PathStyle};
use openchoreo_types::v1alpha1::{Endpoint, Environment};
use regex::Regex;
use serde_json::{Value, json};

use crate::{Case, decisions, text};

/// What is rendered for a case of these families.
pub(crate) fn run(case: &Case) -> Option<Value> {
    match case.family.as_str() {
        "legacy.http_routes" => Some(http_routes(&case.input)),
        "legacy.operation_path_regex" => Some(expression(&case.input, &case.expected)),
        "legacy.webapp_hostname" => Some(web_application(&case.input)),
        _ => None,
    }
}

fn http_routes(input: &Value) -> Value {
    let gateway = text(input, "/gateway");
    let (visibility, domain) = match gateway {
        "gateway-external" => (Visibility::Public, text(input, "/dataPlane/spec/gateway/publicVirtualHost")),
        _ => (Visibility::Organization, text(input, "/dataPlane/spec/gateway/organizationVirtualHost")),
    };
    let component = ComponentId::new(
        text(input, "/project/metadata/labels/openchoreo.dev~1organization"),
        text(input, "/project/metadata/name"),
        text(input, "/component/metadata/name"),
    );
    let id = component.endpoint(text(input, "/environment/metadata/name"), text(input, "/endpoint/metadata/name"));
    let mut environment = input["environment"].clone();
    // Tokens are checked with somebody's keys; the case does not name any, and the compatible system does not ask.
    environment["spec"]["gateway"]["security"] = json!({"remoteJwks": {"uri": "https://keys.example/jwks"}});
    let mut endpoint = input["endpoint"].clone();
    let rest = "/spec/networkVisibilities/public/policies/0/policySpec/oauth2/jwt/authorization/rest";
    if let Some(rest) = endpoint.pointer_mut(rest) {
        // The definition asks for it, the case leaves it out.
        rest["claimsToHeaders"] = json!([]);
    }
    let host = HostContext {
        domain,
        visibility,
        component_type: text(input, "/component/spec/type"),
        dns_prefix: Some(text(input, "/environment/spec/gateway/dnsPrefix")),
    };
    let rendered = EnvoyGateway::with_paths(PathStyle::ProjectAndComponent).render(&EndpointContext {
        id,
        namespace: &CompatNaming.cell_namespace(&id.cell()).expect("a name"),
        naming: &CompatNaming,
        endpoint: &serde_json::from_value::<Endpoint>(endpoint).expect("an Endpoint"),
        environment: &serde_json::from_value::<Environment>(environment).expect("an Environment"),
        component_type: host.component_type,
        visibility,
        gateway,
        gateway_namespace: "choreo-system",
        hostname: &UpstreamHostnames::default().hostname(&id, &host).expect("a host"),
        service: &CompatNaming.workload(&component, text(input, "/deploymentTrack/metadata/name")).expect("a name"),
        labels: &BTreeMap::new(),
    });
    let routes = rendered.expect("routes").into_iter().filter(|object| object.kind().kind == "HTTPRoute");
    // The cases record names, namespaces and specs.
    let recorded = |route: Value| {
        let metadata = json!({"name": route["metadata"]["name"], "namespace": route["metadata"]["namespace"]});
        json!({"metadata": metadata, "spec": route["spec"]})
    };
    routes.map(|route| recorded(route.json())).collect()
}

/// The expression, and what it does with the paths that the case names.
fn expression(input: &Value, expected: &Value) -> Value {
    let made = operation_regex(text(input, "/basePath"), text(input, "/operation"), text(input, "/pathMatch"));
    let regex = Regex::new(&made).expect("an expression");
    let paths = |name: &str, should_match: bool| -> Vec<&str> {
        let paths = expected[name].as_array().expect("paths").iter().filter_map(Value::as_str);
        paths.filter(|path| regex.is_match(path) == should_match).collect()
    };
    let captured = text(expected, "/capture/input");
    let group = regex.captures(captured).and_then(|captures| captures.get(1)).map(|group| group.as_str());
    json!({
        "regex": made,
        "matches": paths("matches", true),
        "rejects": paths("rejects", false),
        "capture": {"input": captured, "group1": group},
    })
}

fn web_application(input: &Value) -> Value {
    let named = ["/org", "/project", "/component"].map(|part| text(input, part));
    let name = compat_generate("the name of a Component", &named, 253).expect("a name");
    let environment = text(input, "/environment");
    let id: EndpointId<'_> = ComponentId::new(named[0], named[1], &name).endpoint(environment, "any");
    let host = HostContext {
        domain: "ignored.example",
        visibility: Visibility::Public,
        component_type: "WebApplication",
        dns_prefix: None,
    };
    let hosts = UpstreamHostnames { web_application_domain: text(input, "/appsDomain").to_owned() };
    let hostname = hosts.hostname(&id, &host).expect("a host");
    let address = decisions::address_of_web_application(named[0], named[1], &name, environment);
    json!({"componentResourceName": name, "hostname": hostname.as_str(), "address": address})
}
