//! Kinds by all their names, and the paths of their requests.

use kube::api::ApiResource;
use openchoreo_types::{KindInfo, all_kinds};

/// One kind that a server serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) namespaced: bool,
}

impl From<&KindInfo> for Kind {
    fn from(info: &KindInfo) -> Self {
        Self {
            group: info.group.to_owned(),
            version: info.version.to_owned(),
            kind: info.kind.to_owned(),
            plural: info.plural.to_owned(),
            singular: info.singular.to_owned(),
            short_names: info.short_names.iter().map(|name| (*name).to_owned()).collect(),
            namespaced: info.namespaced,
        }
    }
}

impl Kind {
    /// The platform's own kinds, parents before children.
    pub(crate) fn ours() -> impl Iterator<Item = Self> {
        all_kinds().iter().map(Self::from)
    }

    /// The platform's kind that belongs to a Rust type.
    pub(crate) fn of<K: openchoreo_types::PlatformKind>() -> Self {
        Self::from(&K::INFO)
    }

    /// Group and version, as in a manifest.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The kind as `kubectl` prints it before a name, such as `project.openchoreo.dev`.
    pub(crate) fn printed(&self) -> String {
        if self.group.is_empty() { self.singular.clone() } else { format!("{}.{}", self.singular, self.group) }
    }

    /// Whether a person who writes `name` means this kind: kind, plural, singular or short name, in any case, alone,
    /// with the group, or with version and group.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        let (name, rest) = name.split_once('.').unwrap_or((name, ""));
        let is_right_group = rest.is_empty()
            || rest.eq_ignore_ascii_case(&self.group)
            || rest
                .split_once('.')
                .is_some_and(|(version, group)| version == self.version && group.eq_ignore_ascii_case(&self.group));
        let mut names = [&self.kind, &self.plural, &self.singular].into_iter().chain(&self.short_names);
        is_right_group && names.any(|known| known.eq_ignore_ascii_case(name))
    }

    /// What typed clients need to know.
    pub(crate) fn api_resource(&self) -> ApiResource {
        ApiResource {
            group: self.group.clone(),
            version: self.version.clone(),
            api_version: self.api_version(),
            kind: self.kind.clone(),
            plural: self.plural.clone(),
        }
    }

    /// Path of its collection, or of one object in it.
    pub(crate) fn path(&self, namespace: Option<&str>, name: Option<&str>) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        let mut path = format!("{root}/{}", self.api_version());
        if let Some(namespace) = namespace.filter(|_| self.namespaced) {
            path.push_str(&format!("/namespaces/{}", encode(namespace)));
        }
        path.push('/');
        path.push_str(&self.plural);
        if let Some(name) = name {
            path.push('/');
            path.push_str(&encode(name));
        }
        path
    }
}

/// A text as a part of a path or query.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_answers_to_all_its_names_in_any_case() {
        let component = Kind::of::<openchoreo_types::v1alpha1::Component>();
        for name in ["component", "Components", "COMP", "components.openchoreo.dev", "comp.v1alpha1.openchoreo.dev"] {
            assert!(component.is_called(name), "{name}");
        }
        for name in ["componen", "components.apps", "components.v1.openchoreo.dev", ""] {
            assert!(!component.is_called(name), "{name}");
        }
    }

    #[test]
    fn paths_hold_namespaces_only_where_the_kind_has_them() {
        let organization = Kind::of::<openchoreo_types::v1alpha1::Organization>();
        let project = Kind::of::<openchoreo_types::v1alpha1::Project>();
        assert_eq!(organization.path(Some("acme"), None), "/apis/openchoreo.dev/v1alpha1/organizations");
        assert_eq!(
            project.path(Some("acme"), Some("a/b")),
            "/apis/openchoreo.dev/v1alpha1/namespaces/acme/projects/a%2Fb"
        );
        assert_eq!(project.path(None, None), "/apis/openchoreo.dev/v1alpha1/projects");
    }
}
