//! Every manifest that fits the compatible system's schema fits ours, and nothing in it is dropped.

use openchoreo_types::{all_kinds, crd_manifest, crds};
use serde_json::Value;

use crate::data;

/// Places where ours deliberately asks for more, or says it in another way.
fn is_exception(problem: &str) -> bool {
    const EXCEPTIONS: &[&str] = &[
        // Text or an object: no type can be declared.
        "secretRef: type",
        // An empty reference can only be a slip.
        "Component.spec.type: minLength",
        "Project.spec.deploymentPipelineRef: minLength",
        "DeploymentPipeline.spec.promotionPaths[].sourceEnvironmentRef: minLength",
        "DeploymentPipeline.spec.promotionPaths[].targetEnvironmentRefs[].name: minLength",
        "Deployment.spec.deploymentArtifactRef: minLength",
        // Exactly one of the two shapes, with something to log in with.
        "DataPlane.spec.kubernetesCluster: x-kubernetes-validations",
        "BuildPlane.spec.kubernetesCluster: x-kubernetes-validations",
    ];
    EXCEPTIONS.iter().any(|exception| problem.contains(exception))
}

#[test]
fn every_schema_takes_what_the_compatible_one_takes() {
    let Some(folder) = data::folder() else { return };
    let mut problems = Vec::new();
    for (info, crd) in all_kinds().iter().zip(crds()) {
        let ours = crd_manifest(&crd);
        let theirs = data::read_json(&folder.join(format!("upstream-crds/{}.json", info.plural)));
        compare_names(info.kind, &theirs, &ours, &mut problems);
        let schema = |crd: &Value| crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
        compare_schema(info.kind, &schema(&theirs), &schema(&ours), &mut problems);
    }
    problems.retain(|problem| !is_exception(problem));
    assert!(problems.is_empty(), "not a superset:\n{}", problems.join("\n"));
}

fn compare_names(kind: &str, theirs: &Value, ours: &Value, problems: &mut Vec<String>) {
    for field in ["group", "scope"] {
        if theirs["spec"][field] != ours["spec"][field] {
            problems.push(format!("{kind}: {field} differs"));
        }
    }
    let names = |crd: &Value| crd["spec"]["names"].clone();
    for field in ["kind", "plural", "singular", "listKind", "shortNames", "categories"] {
        if names(theirs)[field] != names(ours)[field] {
            problems.push(format!("{kind}: {field} differs"));
        }
    }
    let version = |crd: &Value| crd["spec"]["versions"][0].clone();
    for field in ["name", "served", "storage", "subresources"] {
        if version(theirs)[field] != version(ours)[field] {
            problems.push(format!("{kind}: version {field} differs"));
        }
    }
    let columns = version(ours)["additionalPrinterColumns"].as_array().cloned().unwrap_or_default();
    for column in version(theirs)["additionalPrinterColumns"].as_array().into_iter().flatten() {
        if !columns.contains(column) {
            problems.push(format!("{kind}: column {column} is missing"));
        }
    }
}

fn compare_schema(path: &str, theirs: &Value, ours: &Value, problems: &mut Vec<String>) {
    // What both must say alike.
    for keyword in ["type", "format", "default", "x-kubernetes-int-or-string"] {
        if theirs.get(keyword) != ours.get(keyword) {
            problems.push(format!("{path}: {keyword} is {} there and {} here", theirs[keyword], ours[keyword]));
        }
    }
    // What ours may only demand where theirs does.
    for keyword in ["enum", "pattern", "minLength", "minimum", "maximum", "minItems", "x-kubernetes-validations"] {
        if ours.get(keyword).is_some() && theirs.get(keyword) != ours.get(keyword) {
            problems.push(format!("{path}: {keyword} is {} there and {} here", theirs[keyword], ours[keyword]));
        }
        // A lost check would let through what readers cannot take.
        if keyword == "enum" && theirs.get(keyword).is_some() && ours.get(keyword).is_none() {
            problems.push(format!("{path}: enum is missing"));
        }
    }
    // Ours bounds what theirs leaves open, far above what people write; where theirs has a bound, ours is no less.
    for keyword in ["maxLength", "maxItems", "maxProperties"] {
        if let (Some(of_theirs), Some(of_ours)) = (theirs[keyword].as_i64(), ours[keyword].as_i64())
            && of_ours < of_theirs
        {
            problems.push(format!("{path}: {keyword} is {of_theirs} there and {of_ours} here"));
        }
    }
    let required = |schema: &Value| schema["required"].as_array().cloned().unwrap_or_default();
    for name in required(ours) {
        if !required(theirs).contains(&name) {
            problems.push(format!("{path}: {name} is required here only"));
        }
    }
    for (name, property) in theirs["properties"].as_object().into_iter().flatten() {
        match ours["properties"].get(name) {
            Some(own) => compare_schema(&format!("{path}.{name}"), property, own, problems),
            None => problems.push(format!("{path}.{name} is missing")),
        }
    }
    if let Some(items) = theirs.get("items") {
        compare_schema(&format!("{path}[]"), items, &ours["items"], problems);
    }
    if let Some(values) = theirs.get("additionalProperties") {
        compare_schema(&format!("{path}{{}}"), values, &ours["additionalProperties"], problems);
    }
}
