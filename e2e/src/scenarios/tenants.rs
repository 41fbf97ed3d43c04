//! Two organizations whose names run together, with components of the same name: they share nothing.

use std::collections::BTreeSet;

use anyhow::ensure;
use kube::ResourceExt as _;

use crate::ground::Ground;
use crate::tenant::Tenant;

pub(super) async fn colliding_names(ground: &Ground) -> anyhow::Result<()> {
    let tenants = [Tenant::new("e2e-a-b", "c"), Tenant::new("e2e-a", "b-c")];
    let mut seen: Vec<BTreeSet<String>> = Vec::new();
    for tenant in &tenants {
        let endpoint = tenant.settle(ground, "web", None).await?;
        tenant.answers(ground, &endpoint, |_| true).await?;
        let mut marks = BTreeSet::new();
        marks.extend(endpoint.status.and_then(|status| status.address));
        let made = ground.made_for(&tenant.namespaces()).await?;
        for (kind, object) in &made {
            let namespace = object.namespace().unwrap_or_default();
            let is_namespace = kind.kind == "Namespace";
            ensure!(is_namespace || !namespace.is_empty(), "{kind} `{}` is in no namespace", object.name_any());
            marks.insert(format!("namespace {}", if is_namespace { object.name_any() } else { namespace }));
            if kind.kind == "Deployment" {
                let image = object.data.pointer("/spec/template/spec/containers/0/image");
                marks.extend(
                    image
                        .and_then(|image| image.as_str())
                        .map(|image| image.split(':').take(2).collect::<Vec<_>>().join(":")),
                );
            }
        }
        let policies: BTreeSet<_> =
            made.iter().filter(|(kind, _)| kind.kind == "NetworkPolicy").filter_map(|(_, o)| o.namespace()).collect();
        for (_, workload) in made.iter().filter(|(kind, _)| kind.kind == "Deployment") {
            let namespace = workload.namespace().unwrap_or_default();
            ensure!(policies.contains(&namespace), "namespace `{namespace}` has no NetworkPolicy");
        }
        seen.push(marks);
    }
    if let [first, second] = seen.as_slice() {
        let shared: Vec<_> = first.intersection(second).collect();
        ensure!(shared.is_empty(), "both organizations have {shared:?}");
    }
    for tenant in &tenants {
        tenant.clean_up(ground).await?;
    }
    Ok(())
}
