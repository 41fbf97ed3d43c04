//! Finding the kinds of manifests and checking all of them, before anything is sent.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use crate::cluster::{Cluster, Kind};
use crate::error::CliError;
use crate::manifest::{Manifest, Resolved, check};

/// Where the kinds of others are looked up.
pub(crate) enum Lookup<'a> {
    /// On the server.
    Server(&'a mut Cluster),
    /// Nowhere: kinds of others pass unchecked.
    Nowhere,
}

/// Finds the kind of every manifest. Everything that is wrong with any of them is reported together.
pub(crate) async fn resolve(manifests: Vec<Manifest>, mut lookup: Lookup<'_>) -> Result<Vec<Resolved>, CliError> {
    let mut problems = check(&manifests);
    let ours: Vec<Kind> = Kind::ours().collect();
    let defined: Vec<Kind> = manifests.iter().flat_map(defined_kinds).collect();
    let mut resolved = Vec::with_capacity(manifests.len());
    for manifest in manifests {
        // What is wrong with its header is among the problems already.
        if manifest.kind().is_empty() || manifest.api_version().is_empty() {
            continue;
        }
        let is_meant = |kind: &&Kind| kind.kind == manifest.kind() && kind.api_version() == manifest.api_version();
        let known = match ours.iter().chain(&defined).find(is_meant) {
            Some(kind) => Some(kind.clone()),
            None if manifest.is_ours() => continue,
            None => match &mut lookup {
                Lookup::Server(cluster) => {
                    cluster.discovery().await?.kind_of(manifest.api_version(), manifest.kind()).cloned()
                }
                Lookup::Nowhere => Some(unchecked_kind(&manifest)),
            },
        };
        match known {
            Some(kind) => resolved.push(Resolved { manifest, kind }),
            None => {
                let message = format!("the server knows no kind `{}` in `{}`", manifest.kind(), manifest.api_version());
                problems.push(manifest.problem(message));
            }
        }
    }
    if let Lookup::Server(cluster) = &lookup {
        problems.extend(resolved.iter().filter_map(|resolved| namespace_problem(resolved, cluster)));
    }
    if problems.is_empty() { Ok(resolved) } else { Err(CliError::Manifests { problems }) }
}

/// A manifest that names another namespace than the command line does is most likely sent to the wrong place.
fn namespace_problem(resolved: &Resolved, cluster: &Cluster) -> Option<crate::manifest::Problem> {
    let wanted = cluster.explicit_namespace()?;
    let own = resolved.manifest.namespace().filter(|own| resolved.kind.namespaced && *own != wanted)?;
    Some(resolved.manifest.problem(format!("it is for namespace `{own}`, but the command line says `{wanted}`")))
}

/// The kinds that a CustomResourceDefinition among the manifests is going to add.
fn defined_kinds(manifest: &Manifest) -> Vec<Kind> {
    if manifest.kind() != "CustomResourceDefinition" {
        return Vec::new();
    }
    // One that cannot be read defines nothing; the server will say why.
    let Ok(crd) = serde_json::from_value::<CustomResourceDefinition>(manifest.object.clone()) else {
        return Vec::new();
    };
    let spec = crd.spec;
    let versions = spec.versions.into_iter().filter(|version| version.served);
    versions
        .map(|version| Kind {
            group: spec.group.clone(),
            version: version.name,
            kind: spec.names.kind.clone(),
            plural: spec.names.plural.clone(),
            singular: spec.names.singular.clone().unwrap_or_else(|| spec.names.kind.to_lowercase()),
            short_names: spec.names.short_names.clone().unwrap_or_default(),
            namespaced: spec.scope == "Namespaced",
        })
        .collect()
}

/// A kind about which nobody was asked.
fn unchecked_kind(manifest: &Manifest) -> Kind {
    let (group, version) = manifest.api_version().split_once('/').unwrap_or(("", manifest.api_version()));
    let singular = manifest.kind().to_lowercase();
    Kind {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: manifest.kind().to_owned(),
        plural: format!("{singular}s"),
        singular,
        short_names: Vec::new(),
        namespaced: manifest.namespace().is_some(),
    }
}
