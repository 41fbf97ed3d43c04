//! Steps that need no World: names, hosts, conditions, CustomResourceDefinitions.

use divan::{Bencher, black_box};
use jiff::Timestamp;
use openchoreo_core::conditions::{CommonReason, Finding, merge};
use openchoreo_core::naming::{
    ComponentId, DefaultHostnames, DefaultNaming, HostContext, HostnameScheme, NamingScheme, Visibility,
};

const COMPONENT: ComponentId<'_> = ComponentId::new("default-org", "default-project", "hello-world");

#[divan::bench]
fn name_of_a_workload() -> usize {
    DefaultNaming.workload(&black_box(COMPONENT), "main").expect("a name").as_str().len()
}

#[divan::bench]
fn hostname_of_an_endpoint() -> usize {
    let context = HostContext {
        domain: "choreoapps.localhost",
        visibility: Visibility::Public,
        component_type: "WebApplication",
        dns_prefix: Some("dev"),
    };
    let endpoint = black_box(COMPONENT).endpoint("development", "webapp");
    DefaultHostnames.hostname(&endpoint, &context).expect("a host").as_str().len()
}

#[divan::bench]
fn merge_of_conditions(bencher: Bencher<'_, '_>) {
    let finding = |reason| Finding::new(reason, "Environment `development` does not exist; it is waited for");
    let findings = [finding(CommonReason::ParentNotFound), finding(CommonReason::PlaneNotConnected)];
    let previous = merge(&[], &findings, Some(1), Timestamp::UNIX_EPOCH);
    bencher.bench_local(|| merge(black_box(&previous), &findings, Some(2), Timestamp::UNIX_EPOCH));
}

#[divan::bench]
fn generation_of_all_definitions() -> usize {
    openchoreo_types::crds().iter().map(openchoreo_types::crd_manifest).count()
}
