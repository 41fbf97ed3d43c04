//! The planes and cells that an object may have parts in: recorded on the object itself before anything is written there, so that
//! cleaning needs neither a living parent nor a good memory.
//!
//! The record is in the status. An object that a planner makes has no status yet; its maker says in an annotation where
//! it belongs, which counts until the object's own first status does, and spares a request for each object.

use openchoreo_types::PlatformKind;
use openchoreo_types::PlatformStatus;
use openchoreo_types::common::{PlaneKind, PlaneRef};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::labels::annotations::{CELLS, PLANES};

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
    match list_of_status(object, "planes") {
        Some(planes) => planes.iter().filter_map(|plane| PlaneRef::deserialize(plane).ok()).collect(),
        None => of_annotation(annotation_of(object, PLANES)),
    }
}

/// The cells that a Deployment records, by its JSON, as `<organization>/<project>/<environment>`.
pub fn recorded_cells(object: &Value) -> Vec<String> {
    match list_of_status(object, "cells") {
        Some(cells) => cells.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        None => cells_of_annotation(annotation_of(object, CELLS)),
    }
}

/// The cells that an object records; `cells` gives those of its status.
pub fn recorded_cells_by<K: PlatformKind>(object: &K, cells: impl Fn(&K::Status) -> &[String]) -> Vec<String> {
    match object.status().filter(|status| status.observed_generation().is_some()) {
        Some(status) => cells(status).to_vec(),
        None => {
            let annotations = object.meta().annotations.as_ref();
            cells_of_annotation(annotations.and_then(|all| all.get(CELLS)).map(String::as_str))
        }
    }
}

fn cells_of_annotation(text: Option<&str>) -> Vec<String> {
    text.into_iter().flat_map(|text| text.split(',')).map(|cell| cell.trim().to_owned()).collect()
}

/// Whether everything that a status records is recorded on the object already.
pub(crate) fn has_recorded(object: &Value, status: &Value) -> bool {
    let next = json!({ "status": status });
    let (planes, cells) = (recorded(object), recorded_cells(object));
    recorded(&next).iter().all(|plane| planes.contains(plane))
        && recorded_cells(&next).iter().all(|cell| cells.contains(cell))
}

/// A list of the status; nothing where the object has shown none yet.
fn list_of_status<'o>(object: &'o Value, name: &str) -> Option<&'o [Value]> {
    let status = object.get("status").filter(|status| status.get("observedGeneration").is_some())?;
    Some(status.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice))
}

fn annotation_of<'o>(object: &'o Value, name: &str) -> Option<&'o str> {
    object.get("metadata")?.get("annotations")?.get(name)?.as_str()
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
