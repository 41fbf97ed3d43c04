//! The life of a Build, from its first pass to the last thing that it leaves behind.

use jiff::ToSpan;
use k8s_openapi::api::core::v1::Namespace;
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::naming::LabelValue;
use openchoreo_core::world::{Disconnect, PlaneState};
use openchoreo_types::v1alpha1::{Build, BuildPlane, DeployableArtifact, DeploymentTrack, Organization};
use serde_json::{Value, json};

use crate::laptop::{IMAGE, Laptop, build_spec, builds, cluster, platform, run_status, start, succeeded};

fn dead() -> PlaneState {
    PlaneState::Unreachable { since: start(), cause: Disconnect::NoAnswer, error: "no route to host".to_owned() }
}

#[test]
fn a_build_goes_through_its_steps_to_an_image_and_an_artifact() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build("acme", "one");
    laptop.settle();
    let shown = |laptop: &Laptop| {
        ["Ready", "StepCloneSucceeded", "StepBuildSucceeded", "StepPushSucceeded", "Completed"]
            .map(|type_| laptop.condition("one", type_))
    };
    assert_eq!(
        shown(&laptop),
        [
            "Unknown/BuildQueued",
            "Unknown/CloneQueued",
            "Unknown/BuildStepQueued",
            "Unknown/PushQueued",
            "Unknown/BuildProgressing"
        ]
    );
    laptop.report(&builds(), run_status("Running", ["Succeeded", "Running", ""], None));
    assert_eq!(
        shown(&laptop),
        [
            "Unknown/BuildInProgress",
            "True/CloneSucceeded",
            "Unknown/BuildStepProgressing",
            "Unknown/PushQueued",
            "Unknown/BuildProgressing"
        ]
    );
    laptop.report(&builds(), succeeded(None));
    assert_eq!(
        shown(&laptop),
        [
            "True/ImageAvailable",
            "True/CloneSucceeded",
            "True/BuildStepSucceeded",
            "True/PushSucceeded",
            "True/BuildCompleted"
        ]
    );
    assert_eq!(laptop.condition("one", "DeployableArtifactCreated"), "True/ArtifactCreated");
    assert_eq!(laptop.build_object("one")["status"]["imageStatus"]["image"], IMAGE);
    let artifact = laptop.artifact("one").unwrap();
    let metadata = &artifact["metadata"];
    insta::assert_yaml_snapshot!(json!({
        "labels": metadata["labels"], "ownerReferences": metadata["ownerReferences"], "spec": artifact["spec"],
    }));
}

#[test]
fn a_build_of_a_long_name_makes_labels_that_are_taken() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    let name = format!("{}x", "b.".repeat(126));
    laptop.build("acme", &name);
    laptop.settle();
    laptop.report(&builds(), succeeded(None));
    assert_eq!(laptop.condition(&name, "Ready"), "True/ImageAvailable");
    let artifact = laptop.artifact(&name).expect("an artifact");
    let workflow = laptop.workflows(&builds()).pop().expect("a Workflow");
    for labels in
        [&artifact["metadata"]["labels"], &workflow["metadata"]["labels"], &workflow["spec"]["podMetadata"]["labels"]]
    {
        for (key, value) in labels.as_object().expect("labels") {
            assert!(LabelValue::try_from(value.as_str().unwrap_or("?")).is_ok(), "{key}: {value}");
        }
    }
    assert_eq!(workflow["metadata"]["labels"]["build-name"], LabelValue::of(&name).as_str());
}

#[test]
fn a_failed_step_says_why_and_where_to_look_and_is_not_tried_again() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build("acme", "one");
    laptop.settle();
    laptop.report(&builds(), run_status("Failed", ["Failed", "Omitted", ""], None));
    assert_eq!(laptop.condition("one", "Ready"), "False/BuildNotSuccessful");
    assert_eq!(laptop.condition("one", "Completed"), "False/BuildFailed");
    assert_eq!(laptop.condition("one", "StepBuildSucceeded"), "Unknown/BuildStepQueued");
    let message = laptop.message("one", "StepCloneSucceeded");
    assert!(message.contains("exit code 128") && message.contains("logs --namespace openchoreo-ci-acme"), "{message}");
    laptop.expire(&builds());
    assert_eq!(laptop.workflows(&builds()), Vec::<Value>::new());
    assert_eq!(laptop.message("one", "StepCloneSucceeded"), message);
    assert_eq!(laptop.artifact("one"), None);
}

#[test]
fn an_image_that_can_be_none_is_not_taken_over() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build("acme", "one");
    laptop.settle();
    let mut status = succeeded(None);
    status["nodes"]["run-2"]["outputs"]["parameters"][0]["value"] = "a".repeat(100_000).into();
    laptop.report(&builds(), status);
    assert_eq!(laptop.condition("one", "DeployableArtifactCreated"), "False/ImageNotReported");
    assert_eq!(laptop.build_object("one")["status"].get("imageStatus"), None);
    assert!(laptop.message("one", "Ready").contains("100000 bytes"), "{}", laptop.message("one", "Ready"));
}

#[test]
fn a_simulated_run_is_called_so_even_when_it_is_gone() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build("acme", "one");
    laptop.settle();
    let mut workflow = laptop.workflows(&builds()).pop().unwrap();
    workflow["metadata"]["annotations"]["openchoreo.dev/simulated"] = "true".into();
    laptop.offline.put(&builds(), Kind::of::<openchoreo_types::foreign::argo::Workflow>(), workflow).unwrap();
    laptop.report(&builds(), succeeded(None));
    laptop.expire(&builds());
    assert!(laptop.message("one", "Ready").contains("simulated"), "{}", laptop.message("one", "Ready"));
    assert!(laptop.message("one", "StepPushSucceeded").contains("simulated"));
}

#[test]
fn the_end_of_a_build_stays_when_its_run_is_removed() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build("acme", "one");
    laptop.settle();
    laptop.report(&builds(), succeeded(None));
    let before = laptop.build_object("one");
    laptop.expire(&builds());
    assert_eq!(laptop.build_object("one"), before);
    assert_eq!(laptop.workflows(&builds()), Vec::<Value>::new());
}

#[test]
fn a_run_that_is_lost_before_its_end_is_made_again() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build("acme", "one");
    laptop.settle();
    laptop.report(&builds(), run_status("Running", ["Running", "", ""], None));
    laptop.expire(&builds());
    assert_eq!(laptop.workflows(&builds()).len(), 1);
    assert_eq!(laptop.condition("one", "Ready"), "Unknown/BuildQueued");
}

#[test]
fn an_edited_artifact_is_left_alone_and_a_deleted_one_is_not_made_again() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build("acme", "one");
    laptop.settle();
    laptop.report(&builds(), succeeded(None));
    let mut artifact = laptop.artifact("one").unwrap();
    artifact["spec"]["configuration"] = json!({ "endpointTemplates": [] });
    laptop.apply(artifact.clone());
    laptop.settle();
    assert_eq!(laptop.artifact("one").unwrap()["spec"], artifact["spec"]);
    laptop.delete_object(&PlaneKey::Control, Kind::of::<DeployableArtifact>(), &artifact);
    laptop.settle();
    assert_eq!(laptop.artifact("one"), None);
    assert_eq!(laptop.condition("one", "Ready"), "False/ArtifactMissing");
    assert_eq!(laptop.build_object("one")["status"]["imageStatus"]["image"], IMAGE);
}

#[test]
fn an_artifact_of_somebody_else_is_never_overwritten() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.apply(json!({
        "apiVersion": "openchoreo.dev/v1alpha1", "kind": "DeployableArtifact",
        "metadata": { "name": "one", "namespace": "acme" },
        "spec": { "targetArtifact": { "fromImageRef": { "tag": "nginx:1" } } },
    }));
    let before = laptop.artifact("one");
    laptop.build("acme", "one");
    laptop.settle();
    laptop.report(&builds(), succeeded(None));
    assert_eq!(laptop.condition("one", "DeployableArtifactCreated"), "False/ArtifactNameTaken");
    assert_eq!(laptop.artifact("one"), before);
    laptop.delete_build("one");
    laptop.settle();
    assert_eq!((laptop.build_exists("one"), laptop.artifact("one")), (false, before));
}

#[test]
fn a_spec_that_changes_after_the_start_is_reported_and_nothing_is_built_again() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build("acme", "one");
    laptop.settle();
    let started = laptop.workflows(&builds());
    let mut changed = build_spec();
    changed["repository"]["revision"] = json!({ "branch": "next" });
    laptop.build_with("acme", "one", json!({}), changed);
    laptop.settle();
    assert_eq!(laptop.condition("one", "UpToDate"), "False/SpecChangedAfterStart");
    assert_eq!(laptop.workflows(&builds()), started);
    laptop.report(&builds(), succeeded(None));
    laptop.expire(&builds());
    assert_eq!(laptop.condition("one", "UpToDate"), "False/SpecChangedAfterStart");
    assert_eq!(laptop.condition("one", "Ready"), "True/ImageAvailable");
    assert_eq!(laptop.workflows(&builds()), Vec::<Value>::new());
}

#[test]
fn the_descriptor_and_the_component_decide_what_is_deployed() {
    let api = "metadata: {name: cart}\nendpoints: [{name: api, port: 9090, type: REST, context: /cart}]\n";
    let evil = "metadata: {name: cart, namespace: globex}\nspec: {owner: {projectName: bank, componentName: vault}}\nowner: {projectName: bank}\nendpoints: [{name: api, port: 9090, type: REST, namespace: globex, labels: {openchoreo.dev/organization: globex}}]\n";
    let nightly = "metadata: {name: cart}\nschedule: {cron: '0 3 * * *'}\n";
    for (name, type_, visibility, template, descriptor) in [
        ("web", "WebApplication", None, "docker", None),
        ("public web", "WebApplication", Some("public"), "docker", None),
        ("web of a buildpack", "WebApplication", None, "google-cloud-buildpacks", None),
        ("web with a descriptor", "WebApplication", Some("organization"), "docker", Some(api)),
        ("service", "Service", None, "docker", Some(api)),
        ("service that claims to be another", "Service", None, "docker", Some(evil)),
        ("service without a descriptor", "Service", Some("public"), "docker", None),
        ("task", "ScheduledTask", None, "docker", None),
        ("nightly task", "ScheduledTask", None, "docker", Some(nightly)),
    ] {
        let platform = platform();
        let annotations = visibility.map_or(json!({}), |visibility| json!({ "openchoreo.dev/visibility": visibility }));
        let mut laptop = Laptop::with_component(&platform, type_, annotations);
        laptop.build_plane("acme", "builds");
        let mut spec = build_spec();
        spec["templateRef"]["name"] = template.into();
        laptop.build_with("acme", "one", json!({}), spec);
        laptop.settle();
        laptop.report(&builds(), succeeded(descriptor));
        let artifact = laptop.artifact("one").unwrap();
        assert!(!artifact.to_string().contains("globex") && !artifact.to_string().contains("bank"), "{name}");
        let shown = json!({ "artifact": artifact["spec"], "says": laptop.message("one", "DeployableArtifactCreated") });
        insta::assert_yaml_snapshot!(format!("deploys-{}", name.replace(' ', "-")), shown);
    }
}

#[test]
fn a_descriptor_that_cannot_be_used_ends_the_build_with_the_reason() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build("acme", "one");
    laptop.settle();
    laptop.report(&builds(), succeeded(Some("endpoints: [")));
    assert_eq!(laptop.condition("one", "DeployableArtifactCreated"), "False/DescriptorInvalid");
    assert_eq!(laptop.condition("one", "Completed"), "False/BuildFailed");
    assert_eq!(laptop.artifact("one"), None);
}

#[test]
fn a_visibility_that_nobody_knows_stops_a_build_before_it_starts() {
    let platform = platform();
    let mut laptop =
        Laptop::with_component(&platform, "WebApplication", json!({ "openchoreo.dev/visibility": "pubic" }));
    laptop.build_plane("acme", "builds");
    laptop.build("acme", "one");
    laptop.settle();
    assert_eq!(laptop.condition("one", "Ready"), "False/CannotRender");
    assert_eq!(laptop.workflows(&builds()), Vec::<Value>::new());
}

#[test]
fn a_missing_plane_is_waited_for_and_of_several_one_must_be_named() {
    let platform = platform();
    let mut laptop = Laptop::with_component(&platform, "Service", json!({}));
    laptop.build("acme", "one");
    laptop.settle();
    assert_eq!(laptop.condition("one", "Ready"), "False/NoBuildPlane");
    laptop.build_plane("acme", "builds");
    laptop.build_plane("acme", "more");
    laptop.settle();
    // Whichever plane came first has the build; a second one does not move it.
    assert_eq!(laptop.condition("one", "Ready"), "False/SeveralBuildPlanes");
    laptop.build_with("acme", "one", json!({ "openchoreo.dev/build-plane": "more" }), build_spec());
    laptop.settle();
    assert_eq!(laptop.workflows(&PlaneKey::build_plane("acme", "more")).len(), 1);
    assert_eq!(laptop.workflows(&builds()).len(), 0);
    laptop.build_with("acme", "one", json!({}), build_spec());
    laptop.settle();
    assert_eq!(laptop.condition("one", "Ready"), "Unknown/BuildQueued", "a started run stays where it is");
}

#[test]
fn a_data_plane_that_is_marked_for_builds_takes_them_with_its_registry() {
    let platform = platform();
    let mut laptop = Laptop::with_component(&platform, "Service", json!({}));
    laptop.apply(json!({
        "apiVersion": "openchoreo.dev/v1alpha1", "kind": "DataPlane",
        "metadata": { "name": "all", "namespace": "acme", "labels": { "openchoreo.dev/build-plane": "true" } },
        "spec": { "kubernetesCluster": cluster(), "registry": { "prefix": "registry.acme.example" } },
    }));
    let plane = PlaneKey::data_plane("acme", "all");
    laptop.offline.connect(&plane);
    laptop.build("acme", "one");
    laptop.settle();
    let workflow = laptop.workflows(&plane).pop().unwrap();
    let parameters = workflow["spec"]["arguments"]["parameters"].as_array().unwrap().clone();
    assert!(parameters.contains(&json!({ "name": "registry", "value": "registry.acme.example" })));
}

#[test]
fn labels_that_contradict_the_owner_are_reported() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    for (name, labels, spec) in [
        ("a", json!({ "openchoreo.dev/component": "other" }), build_spec()),
        ("b", json!({ "openchoreo.dev/project": "other" }), build_spec()),
        ("c", json!({ "openchoreo.dev/organization": "globex" }), build_spec()),
        ("d", json!({}), {
            let mut spec = build_spec();
            spec["owner"]["projectName"] = "other".into();
            spec
        }),
    ] {
        laptop.apply(json!({
            "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Build",
            "metadata": { "name": name, "namespace": "acme", "labels": labels }, "spec": spec,
        }));
        laptop.settle();
        assert_eq!(laptop.condition(name, "Ready"), "False/LabelContradiction", "{name}");
    }
    assert_eq!(laptop.workflows(&builds()), Vec::<Value>::new());
}

#[test]
fn the_last_build_takes_everything_with_it_and_others_leave_what_is_shared() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build("acme", "one");
    laptop.settle();
    laptop.report(&builds(), succeeded(None));
    laptop.build("acme", "two");
    laptop.settle();
    laptop.delete_build("one");
    laptop.settle();
    assert_eq!((laptop.build_exists("one"), laptop.artifact("one")), (false, None));
    assert_eq!((laptop.workflows(&builds()).len(), laptop.namespaces(&builds()).len()), (1, 1));
    laptop.delete_build("two");
    laptop.settle();
    assert!(!laptop.build_exists("two"));
    assert!(laptop.offline.world().all(&builds()).is_empty());
}

#[test]
fn what_builds_share_stays_while_nothing_says_whose_another_build_is() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    let namespace = |labels: Value| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "more", "labels": labels } });
    laptop.apply(namespace(json!({ "openchoreo.dev/organization": "acme" })));
    let mut spec = build_spec();
    spec["owner"]["componentName"] = "orders".into();
    laptop.apply(json!({
        "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Component",
        "metadata": { "name": "orders", "namespace": "more" },
        "spec": { "owner": { "projectName": "shop" }, "type": "WebApplication" },
    }));
    laptop.track("more", "orders", "default");
    laptop.build_with("more", "other", json!({}), spec);
    laptop.build("acme", "one");
    laptop.settle();
    assert_eq!((laptop.workflows(&builds()).len(), laptop.namespaces(&builds()).len()), (2, 1));
    laptop.apply(namespace(json!({})));
    laptop.settle();
    laptop.delete_build("one");
    laptop.settle();
    assert!(!laptop.build_exists("one"));
    assert_eq!((laptop.workflows(&builds()).len(), laptop.namespaces(&builds()).len()), (1, 1));
    // The last one knows by its run what it shares, although its own namespace still says nothing.
    laptop.offline.delete(&PlaneKey::Control, &ObjectKey::of::<Build>("more", "other"));
    laptop.settle();
    assert!(laptop.offline.world().all(&builds()).is_empty());
}

#[test]
fn a_registration_or_a_build_that_cannot_be_read_takes_nothing_away() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build("acme", "one");
    laptop.build("acme", "two");
    laptop.settle();
    let before = laptop.offline.world().all(&builds()).len();
    for key in [ObjectKey::of::<BuildPlane>("acme", "builds"), ObjectKey::of::<Build>("acme", "two")] {
        let mut spoiled = laptop.get(&PlaneKey::Control, &key).unwrap();
        spoiled["spec"] = json!({ "kubernetesCluster": "no object", "owner": "no object" });
        laptop.offline.put(&PlaneKey::Control, key.kind, spoiled).unwrap();
    }
    laptop.settle();
    assert_eq!(laptop.offline.world().all(&builds()).len(), before);
    laptop.delete_build("one");
    laptop.settle();
    assert!(!laptop.build_exists("one"));
    assert_eq!((laptop.workflows(&builds()).len(), laptop.namespaces(&builds()).len()), (1, 1));
}

#[test]
fn an_organization_waits_for_its_builds_and_takes_the_plane_after_them() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build("acme", "one");
    laptop.settle();
    let mut run = laptop.workflows(&builds()).pop().unwrap();
    run["metadata"]["finalizers"] = json!(["example.com/held"]);
    let workflow = Kind::of::<openchoreo_types::foreign::argo::Workflow>();
    laptop.offline.put(&builds(), workflow, run.clone()).unwrap();
    laptop.offline.delete(&PlaneKey::Control, &ObjectKey::of::<Organization>("", "acme"));
    laptop.settle();
    let namespace = laptop.get(&PlaneKey::Control, &ObjectKey::of::<Namespace>("", "acme")).unwrap();
    assert_eq!(namespace["metadata"].get("deletionTimestamp"), None);
    let plane = laptop.get(&PlaneKey::Control, &ObjectKey::of::<BuildPlane>("acme", "builds")).unwrap();
    assert_eq!(plane["metadata"].get("deletionTimestamp"), None);
    run["metadata"]["finalizers"] = json!([]);
    laptop.offline.put(&builds(), workflow, run.clone()).unwrap();
    laptop.delete_object(&builds(), workflow, &run);
    laptop.settle();
    assert!(laptop.offline.world().all(&builds()).is_empty());
    assert!(laptop.offline.world().all(&PlaneKey::Control).is_empty());
}

#[test]
fn builds_that_are_deleted_together_leave_nothing_behind() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build("acme", "one");
    laptop.build("acme", "two");
    laptop.settle();
    laptop.delete_build("one");
    laptop.delete_build("two");
    laptop.settle();
    assert!(!laptop.build_exists("one") && !laptop.build_exists("two"));
    assert!(laptop.offline.world().all(&builds()).is_empty());
}

#[test]
fn deletion_waits_for_a_dead_plane_and_ends_when_the_plane_is_given_up() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build("acme", "one");
    laptop.settle();
    laptop.offline.set_plane_state(&builds(), dead());
    laptop.delete_build("one");
    laptop.settle();
    assert_eq!(laptop.condition("one", "Ready"), "False/PlaneUnreachable");
    laptop.offline.delete(&PlaneKey::Control, &ObjectKey::of::<BuildPlane>("acme", "builds"));
    laptop.settle();
    assert!(laptop.build_exists("one"));
    laptop.offline.set_now(start() + 1.hour());
    laptop.settle();
    assert!(!laptop.build_exists("one"));
}

#[test]
fn a_plane_that_leaves_is_emptied_and_results_stay() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build("acme", "one");
    laptop.settle();
    laptop.report(&builds(), succeeded(None));
    laptop.offline.delete(&PlaneKey::Control, &ObjectKey::of::<BuildPlane>("acme", "builds"));
    laptop.settle();
    assert!(laptop.offline.world().all(&builds()).is_empty());
    assert_eq!(laptop.get(&PlaneKey::Control, &ObjectKey::of::<BuildPlane>("acme", "builds")), None);
    assert_eq!(laptop.condition("one", "Ready"), "True/ImageAvailable");
    assert_eq!(laptop.build_object("one")["status"].get("planes"), None);
}

#[test]
fn a_run_survives_a_plane_that_does_not_answer_for_a_while() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build("acme", "one");
    laptop.settle();
    laptop.report(&builds(), run_status("Running", ["Succeeded", "Running", ""], None));
    laptop.offline.set_plane_state(&builds(), dead());
    laptop.settle();
    assert_eq!(laptop.condition("one", "Ready"), "False/PlaneUnreachable");
    assert_eq!(laptop.condition("one", "StepCloneSucceeded"), "True/CloneSucceeded");
    laptop.offline.connect(&builds());
    laptop.settle();
    assert_eq!(laptop.condition("one", "Ready"), "Unknown/BuildInProgress");
    assert_eq!(laptop.workflows(&builds()).len(), 1);
}

#[test]
fn equal_builds_of_two_organizations_share_neither_namespace_nor_workflow_nor_image() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.organization("globex");
    laptop.component("globex", "WebApplication", json!({}));
    laptop.build_plane("globex", "builds");
    for organization in ["acme", "globex"] {
        laptop.build(organization, "one");
    }
    laptop.settle();
    let ours = laptop.workflows(&builds()).pop().unwrap();
    let theirs = laptop.workflows(&PlaneKey::build_plane("globex", "builds")).pop().unwrap();
    let image = |workflow: &Value| {
        let parameters = workflow["spec"]["arguments"]["parameters"].as_array().unwrap().clone();
        parameters.into_iter().find(|parameter| parameter["name"] == "image-name").unwrap()
    };
    assert_ne!(ours["metadata"]["namespace"], theirs["metadata"]["namespace"]);
    assert_ne!(ours["metadata"]["name"], theirs["metadata"]["name"]);
    assert_ne!(image(&ours), image(&theirs));
}

#[test]
fn every_build_shows_ready_after_its_first_pass() {
    let platform = platform();
    let mut laptop = Laptop { offline: openchoreo_core::offline::Offline::new(&platform, start()) };
    laptop.build("nowhere", "one");
    laptop.settle();
    let build = laptop.get(&PlaneKey::Control, &ObjectKey::of::<Build>("nowhere", "one")).unwrap();
    assert_eq!(build["status"]["conditions"][0]["reason"], "NamespaceNotInOrganization");
}

/// A Build of `cart` that is for a track.
fn build_for(track: &str) -> Value {
    json!({
        "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Build",
        "metadata": { "name": "one", "namespace": "acme", "labels": { "openchoreo.dev/deployment-track": track } },
        "spec": build_spec(),
    })
}

#[test]
fn a_build_waits_for_its_track_before_a_run_is_started() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.apply(build_for("mian"));
    laptop.settle();
    assert_eq!(laptop.condition("one", "Ready"), "False/TrackNotFound");
    assert!(laptop.message("one", "Ready").contains("`mian`"), "{}", laptop.message("one", "Ready"));
    assert_eq!(laptop.workflows(&builds()), Vec::<Value>::new());
    laptop.track("acme", "cart", "mian");
    laptop.settle();
    assert_eq!(laptop.condition("one", "Ready"), "Unknown/BuildQueued");
}

#[test]
fn a_build_whose_track_is_lost_says_so_and_keeps_its_result() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.apply(build_for("default"));
    laptop.settle();
    laptop.report(&builds(), succeeded(None));
    assert_eq!(laptop.condition("one", "Ready"), "True/ImageAvailable");
    laptop.offline.delete(&PlaneKey::Control, &ObjectKey::of::<DeploymentTrack>("acme", "cart-default"));
    laptop.settle();
    assert_eq!(laptop.condition("one", "Ready"), "False/TrackNotFound");
    assert_eq!(laptop.condition("one", "Completed"), "True/BuildCompleted");
    assert!(laptop.artifact("one").is_some());
}

#[test]
fn a_build_that_names_no_track_of_several_is_asked_to() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.offline.delete(&PlaneKey::Control, &ObjectKey::of::<DeploymentTrack>("acme", "cart-default"));
    laptop.track("acme", "cart", "main");
    laptop.track("acme", "cart", "next");
    laptop.build("acme", "one");
    laptop.settle();
    assert_eq!(laptop.condition("one", "Ready"), "False/TrackNotFound");
    let message = laptop.message("one", "Ready");
    assert!(message.contains("openchoreo.dev/deployment-track"), "{message}");
}

#[test]
fn the_namespace_of_builds_stays_while_a_build_is_there_by_another_registration_of_its_cluster() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build_plane("acme", "twin");
    let twin = PlaneKey::build_plane("acme", "twin");
    for plane in [&builds(), &twin] {
        laptop.offline.identify(plane, "the cluster");
    }
    let at = |plane: &str| json!({ "openchoreo.dev/build-plane": plane });
    laptop.build_with("acme", "one", at("builds"), build_spec());
    laptop.build_with("acme", "two", at("twin"), build_spec());
    laptop.settle();
    assert_eq!(laptop.workflows(&twin).len(), 2);
    let before = laptop.namespaces(&twin);
    laptop.delete_build("one");
    laptop.settle();
    assert!(!laptop.build_exists("one"));
    assert_eq!(laptop.namespaces(&twin), before, "it was taken away and made anew");
    assert_eq!(laptop.workflows(&twin).len(), 1);
    laptop.delete_build("two");
    laptop.settle();
    assert_eq!(laptop.namespaces(&twin), Vec::<Value>::new());
}
