//! The planes that an object may have parts in: recorded on the object itself before anything is written there, so that
//! cleaning needs neither a living parent nor a good memory.
//!
//! The record is in the status. An object that a planner makes has no status yet; its maker says in an annotation where
//! it belongs, which counts until the object's own first status does, and spares a request for each object.

use openchoreo_types::PlatformKind;
use openchoreo_types::PlatformStatus;
use openchoreo_types::common::{PlaneKind, PlaneRef};
use serde::Deserialize;
use serde_json::Value;

use crate::labels::annotations::PLANES;

/// A plane in words, as in the annotation and in indexes: `<Kind>/<namespace>/<name>`.
pub fn words(plane: &PlaneRef) -> String {
    format!("{}/{}/{}", plane.kind.as_str(), plane.namespace, plane.name)
}

/// The annotation of an object that is made for a plane.
pub fn annotation(plane: &PlaneRef) -> (String, String) {
    (PLANES.to_owned(), words(plane))
}

fn of_words(text: &str) -> Option<PlaneRef> {
    let mut parts = text.trim().splitn(3, '/');
    let kind = match parts.next()? {
        "DataPlane" => PlaneKind::DataPlane,
        "BuildPlane" => PlaneKind::BuildPlane,
        _ => return None,
    };
    Some(PlaneRef { kind, namespace: parts.next()?.to_owned(), name: parts.next()?.to_owned() })
}

fn of_annotation(text: Option<&str>) -> Vec<PlaneRef> {
    text.into_iter().flat_map(|text| text.split(',')).filter_map(of_words).collect()
}

/// The planes that an object records, by its JSON.
pub fn recorded(object: &Value) -> Vec<PlaneRef> {
    let status = object.get("status");
    if status.and_then(|status| status.get("observedGeneration")).is_some() {
        let planes = status.and_then(|status| status.get("planes")).and_then(Value::as_array);
        return planes.into_iter().flatten().filter_map(|plane| PlaneRef::deserialize(plane).ok()).collect();
    }
    let annotations = object.get("metadata").and_then(|metadata| metadata.get("annotations"));
    of_annotation(annotations.and_then(|annotations| annotations.get(PLANES)).and_then(Value::as_str))
}

/// The planes that an object records; `planes` gives those of its status.
pub fn recorded_by<K: PlatformKind>(object: &K, planes: impl Fn(&K::Status) -> &[PlaneRef]) -> Vec<PlaneRef> {
    match object.status().filter(|status| status.observed_generation().is_some()) {
        Some(status) => planes(status).to_vec(),
        None => {
            let annotations = object.meta().annotations.as_ref();
            of_annotation(annotations.and_then(|all| all.get(PLANES)).map(String::as_str))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_annotation_counts_until_the_first_status() {
        let made = json!({ "metadata": { "annotations": { PLANES: "DataPlane/acme/main, junk" } } });
        let plane = PlaneRef { kind: PlaneKind::DataPlane, namespace: "acme".to_owned(), name: "main".to_owned() };
        assert_eq!(recorded(&made), std::slice::from_ref(&plane));
        assert_eq!(annotation(&plane).1, "DataPlane/acme/main");
        let mut seen = made.clone();
        seen["status"] = json!({ "observedGeneration": 1 });
        assert!(recorded(&seen).is_empty(), "it is clean, and says so");
        seen["status"]["planes"] = json!([{ "kind": "DataPlane", "namespace": "acme", "name": "other" }]);
        assert_eq!(recorded(&seen)[0].name, "other");
    }
}
