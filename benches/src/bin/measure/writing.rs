//! People who write objects, each over a connection of their own.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use futures::future::try_join_all;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, pinned_kind};
use openchoreo_e2e::Plane;
use serde_json::Value;

/// Field manager of what they write.
const MANAGER: &str = "measure";

/// Writers at one plane. They are connected and know the kinds that they write, so that a time holds writes alone.
pub(crate) struct Writers {
    clients: Vec<Client>,
    resources: HashMap<GroupVersionKind, (ApiResource, bool)>,
}

impl Writers {
    /// A number of writers who can write objects of the kinds of some.
    pub(crate) async fn gather<'a>(
        plane: &Plane,
        count: usize,
        examples: impl Iterator<Item = &'a Value>,
    ) -> anyhow::Result<Self> {
        let clients = (0..count.max(1)).map(|_| plane.client()).collect::<anyhow::Result<Vec<_>>>()?;
        let mut resources = HashMap::new();
        let teacher = plane.client()?;
        for kind in examples.map(kind_of).collect::<HashSet<_>>() {
            let known = pinned_kind(&teacher, &kind).await;
            let (resource, capabilities) = known.with_context(|| format!("{} is not served", kind.kind))?;
            resources.insert(kind, (resource, capabilities.scope == Scope::Namespaced));
        }
        try_join_all(clients.iter().map(Client::apiserver_version)).await.context("a writer cannot connect")?;
        Ok(Self { clients, resources })
    }

    /// Applies groups of objects: a group by one writer in order, groups as writers become free.
    pub(crate) async fn write(&self, groups: Vec<Vec<Value>>) -> anyhow::Result<()> {
        let groups = Mutex::new(groups.into_iter());
        let next = || groups.lock().unwrap_or_else(PoisonError::into_inner).next();
        let writing = self.clients.iter().map(async |client| {
            while let Some(group) = next() {
                for document in group {
                    self.apply(client, &document).await?;
                }
            }
            anyhow::Ok(())
        });
        try_join_all(writing).await.map(drop)
    }

    async fn apply(&self, client: &Client, document: &Value) -> anyhow::Result<()> {
        let kind = kind_of(document);
        let text = |path: &str| document.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
        let (resource, namespaced) = self.resources.get(&kind).context("no writer knows this kind")?;
        let api: Api<DynamicObject> = if *namespaced {
            Api::namespaced_with(client.clone(), namespace, resource)
        } else {
            Api::all_with(client.clone(), resource)
        };
        let applied = api.patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(document)).await;
        applied.map(drop).with_context(|| format!("cannot apply {} `{namespace}/{name}`", kind.kind))
    }
}

fn kind_of(document: &Value) -> GroupVersionKind {
    let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
    GroupVersionKind::gvk(group, version, text("kind"))
}
