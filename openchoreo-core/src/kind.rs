//! What identifies an object: its kind, its key, and the plane that holds it.
//!
//! Nothing here talks to a cluster; the engine turns a [`Kind`] into an API resource.

use std::any::TypeId;
use std::borrow::Cow;
use std::fmt;

use kube::Resource;
use kube::core::NamespaceResourceScope;
use serde::{Deserialize, Serialize};

use openchoreo_types::common::{PlaneKind, PlaneRef};
use openchoreo_types::v1alpha1::{BuildPlane, DataPlane};

/// A Kubernetes kind as planners name it: group, version, kind, plural and scope.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Kind {
    /// API group, empty for the core group.
    pub group: &'static str,
    /// API version, such as `v1alpha1`.
    pub version: &'static str,
    /// Kind in CamelCase, such as `HTTPRoute`.
    pub kind: &'static str,
    /// Plural resource name in the URL, such as `httproutes`.
    pub plural: &'static str,
    /// Whether objects of the kind live in a namespace.
    pub namespaced: bool,
}

impl Kind {
    /// The kind of a typed resource.
    pub fn of<K: Resource<DynamicType = ()> + 'static>() -> Self
    where
        K::Scope: 'static,
    {
        Self {
            group: interned(K::group(&())),
            version: interned(K::version(&())),
            kind: interned(K::kind(&())),
            plural: interned(K::plural(&())),
            namespaced: TypeId::of::<K::Scope>() == TypeId::of::<NamespaceResourceScope>(),
        }
    }

    /// `group/version`, or `version` alone in the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// Typed resources give borrowed names; an owned one is kept for the life of the process, once per kind asked.
fn interned(name: Cow<'static, str>) -> &'static str {
    match name {
        Cow::Borrowed(name) => name,
        Cow::Owned(name) => Box::leak(name.into_boxed_str()),
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() { f.write_str(self.kind) } else { write!(f, "{}.{}", self.kind, self.group) }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The API that holds an object: the control plane, or a plane registered by a DataPlane or BuildPlane.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum PlaneKey {
    /// The API that people write OpenChoreo objects to.
    Control,
    /// A registered plane, named by the object that registers it.
    Remote(PlaneRef),
}

impl PlaneKey {
    /// The plane that a DataPlane registers.
    pub fn data_plane(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self::Remote(PlaneRef { kind: PlaneKind::DataPlane, namespace: namespace.into(), name: name.into() })
    }

    /// The plane that a BuildPlane registers.
    pub fn build_plane(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self::Remote(PlaneRef { kind: PlaneKind::BuildPlane, namespace: namespace.into(), name: name.into() })
    }

    /// The registration of a remote plane; nothing for the control plane.
    pub fn remote(&self) -> Option<&PlaneRef> {
        match self {
            Self::Control => None,
            Self::Remote(plane) => Some(plane),
        }
    }
}

impl fmt::Display for PlaneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control => f.write_str("control plane"),
            Self::Remote(plane) => write!(f, "{} {}/{}", plane.kind.as_str(), plane.namespace, plane.name),
        }
    }
}

/// The place of one object within a plane.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ObjectKey {
    /// Kind of the object.
    pub kind: Kind,
    /// Namespace; empty for a cluster-scoped object.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectKey {
    /// The key of a typed object by namespace (empty where cluster-scoped) and name.
    pub fn of<K: Resource<DynamicType = ()> + 'static>(namespace: impl Into<String>, name: impl Into<String>) -> Self
    where
        K::Scope: 'static,
    {
        Self { kind: Kind::of::<K>(), namespace: namespace.into(), name: name.into() }
    }

    /// The key of the DataPlane or BuildPlane that registers a plane, in the control plane.
    pub fn registration(plane: &PlaneRef) -> Self {
        let kind = match plane.kind {
            PlaneKind::DataPlane => Kind::of::<DataPlane>(),
            PlaneKind::BuildPlane => Kind::of::<BuildPlane>(),
        };
        Self { kind, namespace: plane.namespace.clone(), name: plane.name.clone() }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind.kind, self.namespace, self.name)
        }
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
