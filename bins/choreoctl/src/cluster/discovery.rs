//! The kinds that a server serves, asked for in two requests.
//!
//! Read here rather than with kube's discovery, which drops singular and short names: people write those.

use kube::Client;
use serde::Deserialize;

use super::kind::Kind;

const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// What a server serves, in its order of preference.
#[derive(Clone, Debug, Default)]
pub(crate) struct Discovery {
    kinds: Vec<Kind>,
}

impl Discovery {
    /// Asks a server.
    pub(crate) async fn fetch(client: &Client) -> Result<Self, kube::Error> {
        let mut kinds = Vec::new();
        for path in ["/api", "/apis"] {
            let request = http::Request::get(path)
                .header(http::header::ACCEPT, ACCEPT)
                .body(Vec::new())
                .map_err(kube::Error::HttpError)?;
            let groups: GroupList = client.request(request).await?;
            kinds.extend(groups.items.into_iter().flat_map(Group::into_kinds));
        }
        Ok(Self { kinds })
    }

    /// All kinds.
    pub(crate) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The first kind that a person may mean by `name`.
    pub(crate) fn kind_called(&self, name: &str) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.is_called(name))
    }

    /// The kind of a manifest.
    pub(crate) fn kind_of(&self, api_version: &str, kind: &str) -> Option<&Kind> {
        self.kinds.iter().find(|known| known.kind == kind && known.api_version() == api_version)
    }
}

#[derive(Deserialize)]
struct GroupList {
    #[serde(default)]
    items: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: GroupName,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Default, Deserialize)]
struct GroupName {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    resource: String,
    #[serde(default)]
    response_kind: ResponseKind,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    singular_resource: String,
    #[serde(default)]
    short_names: Vec<String>,
}

#[derive(Default, Deserialize)]
struct ResponseKind {
    #[serde(default)]
    kind: String,
}

impl Group {
    fn into_kinds(self) -> impl Iterator<Item = Kind> {
        let group = self.metadata.name;
        self.versions.into_iter().flat_map(move |version| {
            let group = group.clone();
            version.resources.into_iter().map(move |resource| resource.into_kind(&group, &version.version))
        })
    }
}

impl Resource {
    fn into_kind(self, group: &str, version: &str) -> Kind {
        let kind = self.response_kind.kind;
        let singular = if self.singular_resource.is_empty() { kind.to_lowercase() } else { self.singular_resource };
        Kind {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: self.resource,
            singular,
            short_names: self.short_names,
            namespaced: self.scope == "Namespaced",
            kind,
        }
    }
}
