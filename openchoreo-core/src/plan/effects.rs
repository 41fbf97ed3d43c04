//! What a plan still needs: the requests that would make the World as the plan wants it.
//!
//! Pure: the same comparison serves the engine, `plan` and `diff`. A plan whose effects are all in the World has none.
//!
//! Effects come in waves. Those of one wave do not depend on each other and go out together; a wave begins when the one
//! before it has been answered, and not at all where one of those was refused:
//! 1. what must be known before anything is written elsewhere: the finalizer, and the status where it records a plane
//!    that is not recorded yet;
//! 2. revocations: what exposes something and is no longer wanted, and what lets in less than before. They never wait for
//!    what takes its place;
//! 3. what is wanted: namespaces, what protects and configures, what runs, what exposes, in this order;
//! 4. other deletions, when everything wanted is there, in the reverse of that order. What is in a namespace that goes,
//!    goes with it: Kubernetes ends the pods there before it deletes what isolates them (ordered namespace deletion,
//!    KEP-5080, in each version that is supported today);
//! 5. the status otherwise;
//! 6. letting the object go.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::{Deletion, Finalizer, Plan, Protection, Prune, Wanted};
use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::labels::{self, Owner};
use crate::record;
use crate::world::{ClusterId, Stored, World};

/// What has the name of an object that is to be applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Place {
    /// Nothing that is known of: it is made, and applied over nothing.
    Free,
    /// An earlier form of the object: it is applied.
    Open,
    /// The object as it is wanted, but for what somebody changed by hand: lists to which others added are put right before
    /// the apply, which would leave them.
    Altered,
    /// An object without a mark of the platform's: it is looked at before it is taken.
    Unmarked,
    /// An object of another installation, or one that is marked as if it were: nothing is sent.
    Taken {
        /// Whose it is, in the words of its annotation [`labels::OWNED_BY`].
        owned_by: String,
    },
}

/// One request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Effect {
    /// Changes the finalizers of the planned object, if they are still those that were seen.
    Finalizers {
        /// The planned object.
        key: ObjectKey,
        /// All finalizers that it should have.
        finalizers: Vec<String>,
        /// All that it had.
        seen: Vec<String>,
        /// The uid that was seen.
        uid: String,
    },
    /// Applies the status of the planned object.
    Status {
        /// The planned object.
        key: ObjectKey,
        /// The object with its identity and status only.
        object: Value,
    },
    /// Applies a wanted object.
    Apply {
        /// The object.
        wanted: Wanted,
        /// What has its name now.
        place: Place,
        /// What it protects, which goes where it is refused.
        protects: Vec<Deletion>,
    },
    /// Deletes an object.
    Delete(Deletion),
}

impl Effect {
    /// The plane that the request goes to.
    pub fn plane(&self) -> &PlaneKey {
        match self {
            Self::Finalizers { .. } | Self::Status { .. } => &PlaneKey::Control,
            Self::Apply { wanted, .. } => &wanted.plane,
            Self::Delete(deletion) => &deletion.plane,
        }
    }

    /// The object that it is about.
    pub fn object(&self) -> &ObjectKey {
        match self {
            Self::Finalizers { key, .. } | Self::Status { key, .. } => key,
            Self::Apply { wanted, .. } => wanted.key(),
            Self::Delete(deletion) => &deletion.key,
        }
    }

    /// For whom it is written or deleted, where that is not the planned object itself.
    pub fn owner(&self) -> Option<&Owner> {
        match self {
            Self::Finalizers { .. } | Self::Status { .. } => None,
            Self::Apply { wanted, .. } => Some(&wanted.owner),
            Self::Delete(deletion) => deletion.owner.as_ref(),
        }
    }
}

/// The requests a plan needs, in waves, see the module.
pub fn effects(plan: &Plan, world: &World, object: &ObjectKey) -> Vec<Vec<Effect>> {
    let Some(live) = world.get(&PlaneKey::Control, object) else { return Vec::new() };
    let (mut first, mut last) = (Vec::new(), Vec::new());
    let change = |finalizers: Vec<String>, seen: Vec<String>| Effect::Finalizers {
        key: object.clone(),
        finalizers,
        seen,
        uid: live.uid(),
    };
    let without = |is_ours: &dyn Fn(&str) -> bool| {
        let seen = live.finalizers();
        let left: Vec<String> = seen.iter().filter(|held| !is_ours(held)).cloned().collect();
        (left.len() < seen.len()).then(|| change(left, seen))
    };
    match plan.finalizer {
        Finalizer::Leave => {}
        Finalizer::Hold(name) => {
            let seen = live.finalizers();
            if !live.is_deleting() && !seen.iter().any(|held| held == name) {
                first.push(change(seen.iter().cloned().chain([name.to_owned()]).collect(), seen));
            }
        }
        Finalizer::Release(name) => last.extend(without(&|held| held == name)),
        Finalizer::ReleaseAll => last.extend(without(&|held| held.starts_with(labels::PREFIX))),
    }
    let mut report = Vec::new();
    if let Some(status) = plan.status.as_ref().filter(|status| !live.shows(status)) {
        let effect = Effect::Status { key: object.clone(), object: status_patch(object, live, status) };
        let is_recorded = record::has_recorded(&live.json(), status);
        if is_recorded { report.push(effect) } else { first.push(effect) }
    }
    let mut deletions = deletions(plan, world);
    let mut revocations = deletions.remove(&Rank::Exposure).unwrap_or_default();
    revocations.extend(plan.narrowed.iter().filter_map(|narrowed| {
        let live = world.get(&narrowed.plane, narrowed.key()).filter(|live| !live.is_deleting())?;
        let effect =
            || Effect::Apply { wanted: narrowed.clone(), place: place(world, narrowed, live), protects: Vec::new() };
        (!is_held(world, narrowed, live)).then(effect)
    }));
    let mut waves = vec![first, revocations];
    waves.extend(applies(plan, world));
    waves.extend(deletions.into_values().rev());
    waves.push(report);
    waves.push(last);
    waves.retain(|wave| !wave.is_empty());
    waves
}

/// What is wanted and not there, in waves by what depends on what.
fn applies(plan: &Plan, world: &World) -> Vec<Vec<Effect>> {
    let mut waves: Vec<Vec<Effect>> = Vec::new();
    let mut current: Option<Rank> = None;
    let mut needed: Vec<(Rank, &Wanted, Place)> = Vec::new();
    for wanted in &plan.wanted {
        match world.get(&wanted.plane, wanted.key()) {
            // To an object that is going, nothing can be added; it is made anew when it is gone.
            Some(live) if live.is_deleting() => {}
            Some(live) if is_held(world, wanted, live) => {}
            live => {
                let place = live.map_or(Place::Free, |live| place(world, wanted, live));
                needed.push((Rank::of(wanted.key().kind), wanted, place));
            }
        }
    }
    // Stable, so that what is of one rank keeps the order in which it is wanted.
    needed.sort_by_key(|(rank, _, _)| *rank);
    for (rank, wanted, place) in needed {
        let effect = Effect::Apply { wanted: wanted.clone(), place, protects: protected_by(plan, world, wanted) };
        match waves.last_mut().filter(|_| current == Some(rank) && rank != Rank::Unknown) {
            Some(wave) => wave.push(effect),
            None => waves.push(vec![effect]),
        }
        current = Some(rank);
    }
    waves
}

/// What depends on what, by kind: everything of a rank may be applied together when the ranks before it are there, and
/// deleted together when the ranks after it are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Where everything else is.
    Namespace,
    /// What protects and configures.
    Guard,
    /// A kind that is not known here: each object waits for the one before it.
    Unknown,
    /// What runs.
    Work,
    /// What lets traffic in: taking it away takes an address away.
    Exposure,
}

impl Rank {
    fn of(kind: Kind) -> Self {
        match (kind.group, kind.kind) {
            ("", "Namespace") => Self::Namespace,
            (
                "",
                "ConfigMap" | "Secret" | "ServiceAccount" | "PersistentVolumeClaim" | "ResourceQuota" | "LimitRange",
            )
            | ("rbac.authorization.k8s.io", _)
            | ("networking.k8s.io", "NetworkPolicy")
            | ("cilium.io", _)
            | ("secrets-store.csi.x-k8s.io", _)
            | ("gateway.envoyproxy.io", _) => Self::Guard,
            ("gateway.networking.k8s.io", "HTTPRoute" | "GRPCRoute")
            | ("networking.k8s.io", "Ingress")
            | ("openchoreo.dev", "Endpoint") => Self::Exposure,
            ("", "Service" | "Pod") | ("apps" | "batch" | "autoscaling" | "argoproj.io" | "openchoreo.dev", _) => {
                Self::Work
            }
            _ => Self::Unknown,
        }
    }
}

/// What is to be deleted, by rank. Of what is pruned in a cluster, nothing goes while something of a higher rank is still
/// there.
fn deletions(plan: &Plan, world: &World) -> BTreeMap<Rank, Vec<Effect>> {
    let explicit =
        plan.deletions.iter().cloned().map(|deletion| (Rank::of(deletion.key.kind).max(Rank::Work), deletion));
    let mut all: Vec<(Rank, Deletion)> = explicit.collect();
    for pruned in pruned(plan, world).into_values() {
        let still_there = pruned.iter().filter(|(_, _, is_going)| *is_going).map(|(rank, _, _)| *rank).max();
        let namespaces: BTreeSet<String> = pruned
            .iter()
            .filter(|(rank, ..)| *rank == Rank::Namespace)
            .map(|(_, gone, _)| gone.key.name.clone())
            .collect();
        let goes_now = |(rank, deletion, is_going): &(Rank, Deletion, bool)| {
            let goes_with_its_namespace = *rank < Rank::Exposure && namespaces.contains(&deletion.key.namespace);
            !is_going && !goes_with_its_namespace && still_there.is_none_or(|higher| *rank >= higher)
        };
        all.extend(pruned.into_iter().filter(goes_now).map(|(rank, deletion, _)| (rank, deletion)));
    }
    let mut seen = BTreeSet::new();
    all.retain(|(_, deletion)| seen.insert((deletion.key.clone(), deletion.uid.clone())));
    let mut by_rank: BTreeMap<Rank, Vec<Effect>> = BTreeMap::new();
    for (rank, deletion) in all {
        by_rank.entry(rank).or_default().push(Effect::Delete(deletion));
    }
    by_rank
}

/// What owners have and the plan does not want, by cluster, with its rank and whether it is going already.
fn pruned(plan: &Plan, world: &World) -> BTreeMap<ClusterId, Vec<(Rank, Deletion, bool)>> {
    let mut pruned: BTreeMap<ClusterId, Vec<_>> = BTreeMap::new();
    for Prune { plane, owner } in &plan.prunes {
        for (key, live) in world.owned_by(plane, owner) {
            let is_wanted = |wanted: &Wanted| *wanted.key() == key && world.is_same_cluster(&wanted.plane, plane);
            if !plan.wanted.iter().any(is_wanted) {
                let deletion = Deletion { plane: plane.clone(), key, uid: live.uid(), owner: Some(owner.clone()) };
                let here = pruned.entry(world.cluster_id(plane)).or_default();
                here.push((Rank::of(deletion.key.kind), deletion, live.is_deleting()));
            }
        }
    }
    pruned
}

fn status_patch(key: &ObjectKey, live: &Stored, status: &Value) -> Value {
    let mut metadata = json!({ "name": key.name });
    if !key.namespace.is_empty() {
        metadata["namespace"] = key.namespace.as_str().into();
    }
    let uid = live.uid();
    if !uid.is_empty() {
        // An object of the same name that was made anew is another object.
        metadata["uid"] = uid.into();
    }
    json!({ "apiVersion": key.kind.api_version(), "kind": key.kind.kind, "metadata": metadata, "status": status })
}

/// What a wanted object protects and is there already.
fn protected_by(plan: &Plan, world: &World, guard: &Wanted) -> Vec<Deletion> {
    let by_it = plan.protections.iter().filter(|of| of.guard == *guard.key() && of.plane == guard.plane);
    let there = by_it.filter_map(|Protection { plane, exposure, .. }| {
        let live = world.get(plane, exposure).filter(|live| !live.is_deleting())?;
        let owner = Some(guard.owner.clone());
        Some(Deletion { plane: plane.clone(), key: exposure.clone(), uid: live.uid(), owner })
    });
    there.collect()
}

/// What a live object is to one that is wanted in its place.
fn place(world: &World, wanted: &Wanted, live: &Stored) -> Place {
    let installation = world.installation();
    let owned_by = live.annotation(labels::OWNED_BY).unwrap_or_default();
    match live.label(labels::OWNER) {
        Some(label) if !installation.has_marked(&owned_by, &label) => return Place::Taken { owned_by },
        // In the control plane, planners see what people wrote, and have rules of their own for it.
        None if wanted.plane != PlaneKey::Control => return Place::Unmarked,
        Some(_) | None => {}
    }
    if is_marked(live, &wanted.marked(installation)) { Place::Altered } else { Place::Open }
}

/// Whether a live object has what is wanted: it came of applying exactly this, and nobody has changed a field of it
/// since. Fields that the server added do not matter.
pub(crate) fn is_held(world: &World, wanted: &Wanted, live: &Stored) -> bool {
    let print = wanted.print();
    if live.holds(print) {
        return true;
    }
    let object = wanted.marked(world.installation());
    let is_held = is_marked(live, &object) && holds(&live.json(), &object);
    if is_held {
        live.note_holds(print);
    }
    is_held
}

/// Whether a live object is marked as having been applied from exactly this object.
fn is_marked(live: &Stored, wanted: &Value) -> bool {
    let annotations = wanted.pointer("/metadata/annotations");
    let digest = annotations.and_then(|annotations| annotations.get(labels::WANTED_DIGEST)).and_then(Value::as_str);
    live.annotation(labels::WANTED_DIGEST).as_deref() == digest
}

/// Whether a live object has every field of a wanted one; others may add finalizers and owners.
fn holds(live: &Value, wanted: &Value) -> bool {
    wanted.as_object().into_iter().flatten().all(|(name, value)| {
        let present = live.get(name);
        if name != "metadata" {
            return present.is_some_and(|present| contains(present, value)) || present.is_none() && is_empty(value);
        }
        value.as_object().into_iter().flatten().all(|(name, value)| {
            let present = present.and_then(|metadata| metadata.get(name));
            match (name.as_str(), value) {
                ("finalizers" | "ownerReferences", Value::Array(items)) => {
                    let present = present.and_then(Value::as_array);
                    items
                        .iter()
                        .all(|item| present.is_some_and(|present| present.iter().any(|one| contains(one, item))))
                }
                _ => present.is_some_and(|present| contains(present, value)) || present.is_none() && is_empty(value),
            }
        })
    })
}

/// Whether `live` has every field of `wanted`: maps may hold more; lists have the same length and order.
/// An empty map that is wanted may be absent, since servers drop it.
pub(crate) fn contains(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => wanted.iter().all(|(name, value)| match live.get(name) {
            Some(present) => contains(present, value),
            None => is_empty(value),
        }),
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len() && live.iter().zip(wanted).all(|(live, wanted)| contains(live, wanted))
        }
        _ => live == wanted,
    }
}

/// Operations of a JSON patch that put wanted lists in the place of live ones. A server-side apply leaves items alone
/// that others have added, so a port or a host added by hand would stay for ever; and a key of an item that is changed
/// by hand makes another item of it. The first operation tests the revision that was read: positions in lists mean
/// nothing in another one. Nothing where there is nothing to repair.
pub(crate) fn list_repairs(live: &Value, wanted: &Value) -> Vec<Value> {
    let mut operations = Vec::new();
    let fields = live.as_object().into_iter().flatten();
    // Others may add their labels, finalizers and owners.
    for (name, live) in fields.filter(|(name, _)| !matches!(name.as_str(), "metadata" | "status")) {
        if let Some(wanted) = wanted.get(name) {
            collect_repairs(live, wanted, &format!("/{name}"), &mut operations);
        }
    }
    if let Some(revision) = live.pointer("/metadata/resourceVersion").filter(|_| !operations.is_empty()) {
        operations.insert(0, json!({ "op": "test", "path": "/metadata/resourceVersion", "value": revision }));
    }
    operations
}

fn collect_repairs(live: &Value, wanted: &Value, pointer: &str, operations: &mut Vec<Value>) {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            for (name, wanted) in wanted {
                if let Some(live) = live.get(name) {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    collect_repairs(live, wanted, &format!("{pointer}/{name}"), operations);
                }
            }
        }
        (Value::Array(_), Value::Array(_)) if !contains(live, wanted) => {
            operations.push(json!({ "op": "replace", "path": pointer, "value": wanted }));
        }
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{holds, list_repairs};

    #[test]
    fn lists_are_repaired_where_they_differ_and_only_at_the_revision_that_was_read() {
        let wanted = json!({
            "metadata": { "name": "x" },
            "spec": { "ports": [{ "port": 80 }], "pods": [{ "env": [] }], "hosts": ["a"] },
        });
        let live = json!({
            "metadata": { "name": "x", "resourceVersion": "7", "ownerReferences": [{ "name": "other" }] },
            "spec": { "ports": [{ "port": 9999 }, { "port": 80 }], "pods": [{ "env": [], "defaulted": true }], "hosts": ["b"] },
        });
        let replace = |path: &str, value| json!({ "op": "replace", "path": path, "value": value });
        let expected = [
            json!({ "op": "test", "path": "/metadata/resourceVersion", "value": "7" }),
            replace("/spec/hosts", json!(["a"])),
            replace("/spec/ports", json!([{ "port": 80 }])),
        ];
        assert_eq!(list_repairs(&live, &wanted), expected);
        assert!(list_repairs(&wanted, &wanted).is_empty());
    }

    #[test]
    fn others_may_add_finalizers_and_fields_and_nothing_else_may_differ() {
        let wanted = json!({ "metadata": { "name": "x", "finalizers": ["ours"] }, "spec": { "a": [1], "empty": {} } });
        let live = |finalizers: &[&str], a: &[i32]| json!({ "metadata": { "name": "x", "uid": "u", "finalizers": finalizers }, "spec": { "a": a, "b": 2 } });
        assert!(holds(&live(&["theirs", "ours"], &[1]), &wanted));
        assert!(!holds(&live(&["theirs"], &[1]), &wanted));
        assert!(!holds(&live(&["ours"], &[1, 2]), &wanted));
    }
}
