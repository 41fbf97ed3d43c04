//! What identifies an object: its kind, its key, and the plane that holds it.
//!
//! Nothing here talks to a cluster; the engine turns a [`Kind`] into an API resource.

use std::any::TypeId;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{LazyLock, PoisonError, RwLock};

use kube::Resource;
use kube::core::NamespaceResourceScope;
use serde::{Deserialize, Serialize, Serializer};

use openchoreo_types::common::{PlaneKind, PlaneRef};
use openchoreo_types::v1alpha1::{BuildPlane, DataPlane};

/// A Kubernetes kind as planners name it: group, version, kind, plural and scope.
///
/// Kinds are interned: a [`Kind`] is as small and as cheap to compare as a pointer, and one that is known only at run
/// time ([`Kind::new`]) is as good as one of a type ([`Kind::of`]). What is interned stays for the life of the process;
/// there are as many as platforms declare.
#[derive(Clone, Copy)]
pub struct Kind(&'static KindInfo);

/// What a [`Kind`] stands for.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct KindInfo {
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

/// All kinds ever named, and those of types by their type.
#[derive(Default)]
struct Interned {
    all: Vec<Kind>,
    typed: HashMap<TypeId, Kind>,
}

static INTERNED: LazyLock<RwLock<Interned>> = LazyLock::new(RwLock::default);

impl Kind {
    /// The kind of a typed resource.
    pub fn of<K: Resource<DynamicType = ()> + 'static>() -> Self
    where
        K::Scope: 'static,
    {
        let id = TypeId::of::<K>();
        if let Some(kind) = INTERNED.read().unwrap_or_else(PoisonError::into_inner).typed.get(&id) {
            return *kind;
        }
        let namespaced = TypeId::of::<K::Scope>() == TypeId::of::<NamespaceResourceScope>();
        let kind = Self::new(&K::group(&()), &K::version(&()), &K::kind(&()), &K::plural(&()), namespaced);
        INTERNED.write().unwrap_or_else(PoisonError::into_inner).typed.insert(id, kind);
        kind
    }

    /// A kind that is known only at run time.
    pub fn new(group: &str, version: &str, kind: &str, plural: &str, namespaced: bool) -> Self {
        let mut interned = INTERNED.write().unwrap_or_else(PoisonError::into_inner);
        let is_known = |known: &&Self| {
            (known.group, known.version, known.kind, known.plural, known.namespaced)
                == (group, version, kind, plural, namespaced)
        };
        if let Some(known) = interned.all.iter().find(is_known) {
            return *known;
        }
        let keep = |text: &str| -> &'static str { Box::leak(text.into()) };
        let (group, version, kind, plural) = (keep(group), keep(version), keep(kind), keep(plural));
        let new = Self(Box::leak(Box::new(KindInfo { group, version, kind, plural, namespaced })));
        interned.all.push(new);
        new
    }

    /// `group/version`, or `version` alone in the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Whether this is a kind of a group, by name and whatever its version.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.group == group && self.kind == kind
    }
}

impl Deref for Kind {
    type Target = KindInfo;

    fn deref(&self) -> &KindInfo {
        self.0
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        // Interning keeps one copy of each.
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Kind {}

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kind {
    fn cmp(&self, other: &Self) -> Ordering {
        if self == other { Ordering::Equal } else { self.0.cmp(other.0) }
    }
}

impl Hash for Kind {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (std::ptr::from_ref(self.0) as usize).hash(state);
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
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
