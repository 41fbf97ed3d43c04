//! The order that lets a whole installation be sent at once: what others need comes first.

use openchoreo_types::all_kinds;

use super::Resolved;

/// Sorts manifests so that parents come before children. Within a rank the author's order stays.
pub(crate) fn sort_for_creation(manifests: &mut [Resolved]) {
    manifests.sort_by_key(rank);
}

fn rank(resolved: &Resolved) -> usize {
    let kind = &resolved.kind;
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Namespace") => 0,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => 1,
        (openchoreo_types::GROUP, "Organization") => 2,
        // Accounts, Secrets and the like: planes refer to them.
        (group, _) if group != openchoreo_types::GROUP => 3,
        (_, name) => 4 + all_kinds().iter().position(|info| info.kind == name).unwrap_or(usize::MAX - 4),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::Kind;
    use crate::manifest::Manifest;

    fn resolved(group: &str, kind: &str, name: &str) -> Resolved {
        let object = json!({"kind": kind, "metadata": {"name": name}});
        Resolved {
            manifest: Manifest { source: "test".to_owned(), document: 1, object },
            kind: Kind {
                group: group.to_owned(),
                version: "v1".to_owned(),
                kind: kind.to_owned(),
                plural: format!("{}s", kind.to_lowercase()),
                singular: kind.to_lowercase(),
                short_names: Vec::new(),
                namespaced: true,
            },
        }
    }

    #[test]
    fn what_others_need_comes_first_and_equals_keep_their_order() {
        let ours = openchoreo_types::GROUP;
        let mut manifests = vec![
            resolved(ours, "Build", "b"),
            resolved(ours, "Component", "z"),
            resolved(ours, "Component", "a"),
            resolved("", "Secret", "s"),
            resolved(ours, "Project", "p"),
            resolved(ours, "Organization", "o"),
            resolved("apiextensions.k8s.io", "CustomResourceDefinition", "c"),
            resolved("", "Namespace", "n"),
        ];
        sort_for_creation(&mut manifests);
        let names: Vec<&str> = manifests.iter().map(|resolved| resolved.manifest.name()).collect();
        assert_eq!(names, ["n", "c", "o", "s", "p", "z", "a", "b"]);
    }
}
