//! The macros that declare kinds.
//!
//! [`resource_kind`] makes the root struct with its serde form and its `kube::Resource`; [`platform_kind`] and
//! [`foreign_kind`] add the facts about the kind and the trait of its family; [`platform_status`] equips a status.

/// Declares the root struct of a kind.
macro_rules! resource_kind {
    (@scope Namespaced) => { kube::core::NamespaceResourceScope };
    (@scope Cluster) => { kube::core::ClusterResourceScope };
    (@namespaced Namespaced) => { true };
    (@namespaced Cluster) => { false };

    // The parts that do not depend on whether there is a status.
    (@resource $kind:ident, $group:expr, $version:literal, $plural:ident, $scope:ident) => {
        impl kube::Resource for $kind {
            type DynamicType = ();
            type Scope = $crate::kind::resource_kind!(@scope $scope);

            fn kind(_: &()) -> std::borrow::Cow<'_, str> {
                stringify!($kind).into()
            }

            fn group(_: &()) -> std::borrow::Cow<'_, str> {
                $group.into()
            }

            fn version(_: &()) -> std::borrow::Cow<'_, str> {
                $version.into()
            }

            fn plural(_: &()) -> std::borrow::Cow<'_, str> {
                stringify!($plural).into()
            }

            fn meta(&self) -> &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &mut self.metadata
            }
        }
    };

    (
        $(#[doc = $doc:literal])+
        pub $kind:ident($group:literal, $version:literal, $plural:ident, $scope:ident), $spec:ty, $status:ty
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $kind {
            /// Name, namespace, labels and the like.
            pub metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
            /// What is asked for.
            pub spec: $spec,
            /// What was answered last.
            pub status: Option<$status>,
        }

        $crate::kind::resource_kind!(@resource $kind, $group, $version, $plural, $scope);

        impl $kind {
            /// A new object of that name and spec.
            pub fn new(name: impl Into<String>, spec: $spec) -> Self {
                Self { metadata: $crate::wire::named(name), spec, status: None }
            }
        }

        impl serde::Serialize for $kind {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let object = $crate::wire::ObjectOut {
                    api_version: concat!($group, "/", $version),
                    kind: stringify!($kind),
                    metadata: &self.metadata,
                    spec: &self.spec,
                    status: self.status.as_ref(),
                };
                serde::Serialize::serialize(&object, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $kind {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let (metadata, spec, status) =
                    $crate::wire::read_object(deserializer, concat!($group, "/", $version), stringify!($kind))?;
                Ok(Self { metadata, spec, status })
            }
        }
    };

    (
        $(#[doc = $doc:literal])+
        pub $kind:ident($group:literal, $version:literal, $plural:ident, $scope:ident), $spec:ty
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $kind {
            /// Name, namespace, labels and the like.
            pub metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
            /// What is asked for.
            pub spec: $spec,
        }

        $crate::kind::resource_kind!(@resource $kind, $group, $version, $plural, $scope);

        impl $kind {
            /// A new object of that name and spec.
            pub fn new(name: impl Into<String>, spec: $spec) -> Self {
                Self { metadata: $crate::wire::named(name), spec }
            }
        }

        impl serde::Serialize for $kind {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let object = $crate::wire::ObjectOut::<_, $crate::kind::NoStatus> {
                    api_version: concat!($group, "/", $version),
                    kind: stringify!($kind),
                    metadata: &self.metadata,
                    spec: &self.spec,
                    status: None,
                };
                serde::Serialize::serialize(&object, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $kind {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let (metadata, spec, _) = $crate::wire::read_object::<_, _, serde::de::IgnoredAny>(
                    deserializer,
                    concat!($group, "/", $version),
                    stringify!($kind),
                )?;
                Ok(Self { metadata, spec })
            }
        }
    };
}

/// Declares a kind of the platform.
macro_rules! platform_kind {
    (
        $(#[doc = $doc:literal])+
        pub $kind:ident($plural:ident, $singular:ident, $scope:ident) {
            spec: $spec:ty,
            status: $status:ty,
            short_names: [$($short:literal),*],
            $(categories: [$($category:literal),*],)?
            columns: [$(($name:literal, $type:literal, $path:literal)),* $(,)?],
        }
    ) => {
        $crate::kind::resource_kind! {
            $(#[doc = $doc])+
            pub $kind("openchoreo.dev", "v1alpha1", $plural, $scope), $spec, $status
        }

        impl $crate::kind::Described for $kind {
            const INFO: $crate::kind::KindInfo = $crate::kind::KindInfo {
                group: $crate::GROUP,
                version: $crate::VERSION,
                kind: stringify!($kind),
                plural: stringify!($plural),
                singular: stringify!($singular),
                namespaced: $crate::kind::resource_kind!(@namespaced $scope),
                short_names: &[$($short),*],
                categories: &[$($($category),*)?],
                columns: &[$($crate::kind::PrinterColumn { name: $name, type_: $type, json_path: $path }),*],
                has_status: true,
            };
            const DESCRIPTION: &'static str = concat!($($doc),+);
            type Spec = $spec;
            type Status = $status;
        }

        impl $crate::kind::PlatformKind for $kind {
            type Spec = $spec;
            type Status = $status;

            const INFO: $crate::kind::KindInfo = <Self as $crate::kind::Described>::INFO;

            fn spec(&self) -> &$spec {
                &self.spec
            }

            fn status(&self) -> Option<&$status> {
                self.status.as_ref()
            }

            fn status_mut(&mut self) -> &mut Option<$status> {
                &mut self.status
            }
        }
    };
}

/// Makes a struct with the two common fields a status of the platform.
macro_rules! platform_status {
    ($status:ty) => {
        impl $crate::kind::PlatformStatus for $status {
            fn conditions(&self) -> &[Condition] {
                &self.conditions
            }

            fn set_conditions(&mut self, conditions: Vec<Condition>) {
                self.conditions = conditions;
            }

            fn observed_generation(&self) -> Option<i64> {
                self.observed_generation
            }

            fn set_observed_generation(&mut self, generation: i64) {
                self.observed_generation = Some(generation);
            }
        }
    };
}

/// Declares a kind of another project.
macro_rules! foreign_kind {
    (
        $(#[doc = $doc:literal])+
        pub $kind:ident($group:literal, $version:literal, $plural:ident, $singular:ident, $scope:ident) {
            spec: $spec:ty,
            $(status: $status:ty,)?
            short_names: [$($short:literal),*],
            categories: [$($category:literal),*],
            columns: [$(($name:literal, $type:literal, $path:literal)),* $(,)?],
            status_subresource: $subresource:literal,
        }
    ) => {
        $crate::kind::resource_kind! {
            $(#[doc = $doc])+
            pub $kind($group, $version, $plural, $scope), $spec $(, $status)?
        }

        impl $crate::kind::Described for $kind {
            const INFO: $crate::kind::KindInfo = $crate::kind::KindInfo {
                group: $group,
                version: $version,
                kind: stringify!($kind),
                plural: stringify!($plural),
                singular: stringify!($singular),
                namespaced: $crate::kind::resource_kind!(@namespaced $scope),
                short_names: &[$($short),*],
                categories: &[$($category),*],
                columns: &[$($crate::kind::PrinterColumn { name: $name, type_: $type, json_path: $path }),*],
                has_status: $subresource,
            };
            const DESCRIPTION: &'static str = concat!($($doc),+);
            type Spec = $spec;
            type Status = $crate::kind::foreign_kind!(@status $($status)?);
        }

        impl $crate::kind::ForeignKind for $kind {
            const INFO: $crate::kind::KindInfo = <Self as $crate::kind::Described>::INFO;
        }
    };
    (@status) => { $crate::kind::NoStatus };
    (@status $status:ty) => { $status };
}

pub(crate) use {foreign_kind, platform_kind, platform_status, resource_kind};
