//! To whom a namespace belongs, whichever organizations and labels there are.

use k8s_openapi::api::core::v1::Namespace;
use openchoreo_core::hierarchy::{claimed_organization, home};
use openchoreo_core::kind::{ObjectKey, PlaneKey};
use openchoreo_core::offline::Offline;
use openchoreo_core::planner::PlanContext;
use openchoreo_types::v1alpha1::Organization;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::platform::{noon, platform};

const NAMES: [&str; 3] = ["acme", "globex", "initech"];

/// A namespace or an Organization that somebody writes.
#[derive(Clone, Debug)]
enum Written {
    Namespace { name: &'static str, label: Option<&'static str> },
    Organization { name: &'static str },
}

impl Written {
    fn document(&self) -> Value {
        match self {
            Self::Namespace { name, label: None } => {
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })
            }
            Self::Namespace { name, label: Some(label) } => json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": { "name": name, "labels": { "openchoreo.dev/organization": label } },
            }),
            Self::Organization { name } => json!({
                "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Organization", "metadata": { "name": name },
            }),
        }
    }
}

fn written() -> impl Strategy<Value = Vec<Written>> {
    let namespace = (select(&NAMES[..]), proptest::option::of(select(&NAMES[..])))
        .prop_map(|(name, label)| Written::Namespace { name, label });
    let organization = select(&NAMES[..]).prop_map(|name| Written::Organization { name });
    proptest::collection::vec(prop_oneof![namespace, organization], 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_labelled_namespace_belongs_to_the_organization_of_its_label_or_to_none(
        written in written(), going in proptest::option::of(select(&NAMES[..])), at_rest in any::<bool>()
    ) {
        let platform = platform();
        let mut offline = Offline::new(&platform, noon());
        for document in written.iter().map(Written::document) {
            offline.apply(document).expect("a kind of the platform");
            if at_rest {
                offline.settle().expect("plans come to rest");
            }
        }
        if let Some(name) = going {
            offline.delete(&PlaneKey::Control, &ObjectKey::of::<Organization>("", name));
        }
        let cx = PlanContext::new(offline.world(), &platform, noon());
        for namespace in NAMES {
            let live = cx.control().stored(&ObjectKey::of::<Namespace>("", namespace));
            let label = live.as_deref().and_then(|live| live.label("openchoreo.dev/organization"));
            let of = label.as_deref().unwrap_or(namespace);
            let organization = cx.control().stored(&ObjectKey::of::<Organization>("", of));
            let found = home(&cx, namespace).ok().map(|home| home.organization);
            let stays = organization.as_ref().is_some_and(|organization| !organization.is_deleting());
            prop_assert_eq!(&found, &stays.then(|| of.to_owned()), "namespace {} labelled {:?}", namespace, label);
            // For cleaning it is the same one, also while that is going or gone.
            let claimed = claimed_organization(&cx, namespace);
            prop_assert_eq!(claimed.as_deref(), label.as_deref().or(organization.map(|_| namespace)));
        }
    }
}
