//! What the platform made in the data plane, and what is left of an organization anywhere.

use anyhow::Context as _;
use controller_manager::core::kind::Kind;
use controller_manager::core::labels::{OWNED_BY, OWNER};
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::{Client, ResourceExt as _};
use openchoreo_types::{GROUP, KindInfo, VERSION, all_kinds};
use serde_json::Value;

use super::Ground;

impl Ground {
    /// The API of a kind over all namespaces of the data plane.
    pub(crate) fn data_api(&self, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        let resource = ApiResource {
            group: kind.group.to_owned(),
            version: kind.version.to_owned(),
            api_version: kind.api_version(),
            kind: kind.kind.to_owned(),
            plural: kind.plural.to_owned(),
        };
        if namespace.is_empty() {
            Api::all_with(self.data.clone(), &resource)
        } else {
            Api::namespaced_with(self.data.clone(), namespace, &resource)
        }
    }

    /// Objects of the data plane that belong to owners in namespaces of the control plane, with their kinds.
    pub(crate) async fn made_for(&self, namespaces: &[&str]) -> anyhow::Result<Vec<(Kind, DynamicObject)>> {
        let mut found = Vec::new();
        for kind in &self.remote_kinds {
            let listed = self.data_api(*kind, "").list(&ListParams::default().labels(OWNER)).await;
            let objects = match listed {
                Ok(objects) => objects,
                // Not every plane has every foreign kind.
                Err(kube::Error::Api(status)) if status.code == 404 => continue,
                Err(error) => return Err(error).with_context(|| format!("cannot list {kind}")),
            };
            let ours = |object: &DynamicObject| {
                let owner = object.annotations().get(OWNED_BY).map(String::as_str).unwrap_or_default();
                owner.split('/').nth(1).is_some_and(|namespace| namespaces.contains(&namespace))
            };
            found.extend(objects.into_iter().filter(ours).map(|object| (*kind, object)));
        }
        Ok(found)
    }

    /// Those of one kind.
    pub(crate) async fn made_of_kind(
        &self,
        kind: &str,
        namespaces: &[&str],
    ) -> anyhow::Result<Vec<(Kind, DynamicObject)>> {
        let mut found = self.made_for(namespaces).await?;
        found.retain(|(of, _)| of.kind == kind);
        Ok(found)
    }

    /// Every object of the platform's kinds in namespaces of the control plane.
    pub(crate) async fn written_in(&self, namespaces: &[&str]) -> anyhow::Result<Vec<(String, Value)>> {
        let mut found = Vec::new();
        for kind in all_kinds().iter().filter(|kind| kind.namespaced) {
            for namespace in namespaces {
                let api: Api<DynamicObject> =
                    Api::namespaced_with(self.control.clone(), namespace, &platform_resource(kind));
                for object in api.list(&ListParams::default()).await? {
                    let name = format!("{} {namespace}/{}", kind.kind, object.name_any());
                    found.push((name, serde_json::to_value(object)?));
                }
            }
        }
        Ok(found)
    }
}

/// A typed API of the data plane in all namespaces.
pub(crate) fn everywhere<K>(client: &Client) -> Api<K>
where
    K: kube::Resource<DynamicType = ()>,
{
    Api::all(client.clone())
}

fn platform_resource(kind: &KindInfo) -> ApiResource {
    ApiResource {
        group: GROUP.to_owned(),
        version: VERSION.to_owned(),
        api_version: format!("{GROUP}/{VERSION}"),
        kind: kind.kind.to_owned(),
        plural: kind.plural.to_owned(),
    }
}
