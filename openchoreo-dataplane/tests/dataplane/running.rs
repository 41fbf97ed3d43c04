//! What runs, keeps running: a successor takes a place over without a gap, and nothing that is refused or unfinished
//! takes down what is reachable.

use std::sync::Arc;

use openchoreo_core::kind::{ObjectKey, PlaneKey};
use openchoreo_core::platform::Platform;
use openchoreo_types::v1alpha1 as oc;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use crate::lab::{Lab, artifact, component, deployment, isolating, plane, platform, verdict};

/// Everything that makes the component `cart` reachable in its first environment, as `<Kind> <name> <uid>`: an object
/// that was away for a moment has another uid.
fn reachable(lab: &Lab) -> Vec<String> {
    let world = lab.offline.world();
    let planes = [PlaneKey::Control, plane("acme")];
    let mut parts = Vec::new();
    for (key, live) in planes.iter().flat_map(|plane| world.all(plane)) {
        let is_of_cart = match key.kind.kind {
            "Service" => true,
            "Deployment" => key.kind.group == "apps",
            "Endpoint" => live.json().pointer("/spec/networkVisibilities/public/enable") == Some(&Value::Bool(true)),
            _ => false,
        };
        if is_of_cart && key.name.contains("cart") && !live.is_deleting() && is_in(lab, &key, "development") {
            parts.push(format!("{} {} {}", key.kind.kind, key.name, live.uid()));
        }
    }
    parts
}

/// Whether an object is of an environment, by its label or that of its namespace.
fn is_in(lab: &Lab, key: &ObjectKey, environment: &str) -> bool {
    if key.kind.kind == "Endpoint" {
        let live = lab.offline.world().get(&PlaneKey::Control, key).expect("it is there");
        return live.has_label("openchoreo.dev/environment", environment);
    }
    key.namespace.contains(environment)
}

const STAGING: &str = "
apiVersion: openchoreo.dev/v1alpha1
kind: Environment
metadata: {name: staging, namespace: acme}
spec: {dataPlaneRef: plane}
";

fn pipeline(paths: &str) -> String {
    format!(
        "
apiVersion: openchoreo.dev/v1alpha1
kind: DeploymentPipeline
metadata: {{name: pipeline, namespace: acme}}
spec: {{promotionPaths: [{paths}]}}
"
    )
}

fn from(first: &str) -> String {
    pipeline(&format!("{{sourceEnvironmentRef: {first}, targetEnvironmentRefs: []}}"))
}

fn track(name: &str, auto_deploy: bool) -> String {
    format!(
        "
apiVersion: openchoreo.dev/v1alpha1
kind: DeploymentTrack
metadata: {{name: {name}, namespace: acme, labels: {{openchoreo.dev/component: cart, openchoreo.dev/name: main}}}}
spec: {{autoDeploy: {auto_deploy}}}
"
    )
}

/// The Component `cart` without its parts.
fn component_alone() -> String {
    component("acme", "cart").split("\n---\n").next().unwrap_or_default().to_owned()
}

/// `cart`, deployed by its track.
fn automatic() -> String {
    let written = component("acme", "cart").replace("autoDeploy: false", "autoDeploy: true");
    let (kept, _) = written.rsplit_once("\n---\n").expect("the Deployment is the last document");
    kept.to_owned()
}

/// A lab in which `cart` is deployed and Ready.
fn running(platform: &Arc<Platform>, written: &str) -> Lab {
    let mut lab = Lab::with_organization(platform, "acme");
    lab.apply(STAGING);
    lab.apply(written);
    lab.run_workloads("acme");
    assert_eq!(reachable(&lab).len(), 3, "{:?}", lab.in_plane("acme"));
    lab
}

/// The Deployments of the control plane, by name.
fn deployments(lab: &Lab) -> Vec<String> {
    let all = lab.offline.world().all(&PlaneKey::Control).into_iter();
    all.filter(|(key, _)| key.kind.kind == "Deployment").map(|(key, _)| key.name).collect()
}

fn message(object: &Value, type_: &str) -> String {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    let found = conditions.into_iter().find(|condition| condition["type"] == type_).unwrap_or_default();
    found["message"].as_str().unwrap_or_default().to_owned()
}

fn auto_deployed(lab: &Lab) -> ((String, String), String) {
    let track = lab.control::<oc::DeploymentTrack>("acme", "cart-main").expect("the track exists");
    (crate::lab::reason(&track, "AutoDeployed"), message(&track, "AutoDeployed"))
}

fn ready_message(lab: &Lab, name: &str) -> String {
    message(&lab.control::<oc::Deployment>("acme", name).expect("the Deployment exists"), "Ready")
}

fn image(lab: &Lab) -> String {
    let all = lab.of_kind("acme", "Deployment");
    all[0].pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[test]
fn a_deployment_with_a_mistyped_artifact_changes_nothing_and_both_say_so() {
    let platform = platform();
    let mut lab = running(&platform, &automatic());
    let (before, automatic) = (reachable(&lab), deployments(&lab)[0].clone());
    lab.apply(&deployment("acme", "cart", "by-hand", "cart-v9"));
    assert_eq!(reachable(&lab), before);
    assert_eq!(lab.ready("acme", "by-hand"), verdict("False", "ArtifactNotResolved"));
    assert!(ready_message(&lab, "by-hand").contains(&automatic), "{}", ready_message(&lab, "by-hand"));
    assert_eq!(lab.ready("acme", &automatic), verdict("True", "DeploymentReady"));
    assert!(ready_message(&lab, &automatic).contains("by-hand"), "{}", ready_message(&lab, &automatic));
    // The track goes on as if it were not there.
    lab.apply(&artifact("acme", "cart", "cart-v2", ""));
    assert!(image(&lab).contains("cart-v2"));
    assert!(lab.is_at_rest());
    // As soon as its artifact is there, it takes the place over.
    lab.apply(&artifact("acme", "cart", "cart-v9", ""));
    assert!(image(&lab).contains("cart-v9"));
    assert_eq!(reachable(&lab), before);
}

#[test]
fn a_successor_takes_the_objects_over_in_place_and_the_predecessor_goes_when_it_is_ready() {
    let platform = platform();
    let mut lab = running(&platform, &automatic());
    let (before, automatic) = (reachable(&lab), deployments(&lab)[0].clone());
    lab.apply(&artifact("acme", "cart", "cart-v0", ""));
    lab.apply(&deployment("acme", "cart", "by-hand", "cart-v0"));
    assert!(image(&lab).contains("cart-v0"));
    assert_eq!(reachable(&lab), before);
    assert_eq!(lab.ready("acme", "by-hand"), verdict("False", "DeploymentProgressing"));
    assert_eq!(lab.ready("acme", &automatic), verdict("False", "AnotherDeploymentFirst"));
    assert!(ready_message(&lab, &automatic).contains("by-hand"));
    lab.run_workloads("acme");
    assert_eq!(lab.ready("acme", "by-hand"), verdict("True", "DeploymentReady"));
    assert_eq!(deployments(&lab), ["by-hand"]);
    assert_eq!(auto_deployed(&lab).0, verdict("False", "DeployedByPerson"));
    assert_eq!(reachable(&lab), before);
    assert!(lab.is_at_rest());
}

#[test]
fn what_only_the_predecessor_had_stays_until_the_successor_is_ready() {
    let platform = platform();
    let mut lab = running(&platform, &automatic());
    lab.apply(&artifact("acme", "cart", "cart-v2", "fileMounts: [{mountPath: /etc/cart, value: settings}]"));
    lab.run_workloads("acme");
    assert_eq!(lab.of_kind("acme", "ConfigMap").len(), 1);
    lab.apply(&deployment("acme", "cart", "by-hand", "cart-v1"));
    assert_eq!(lab.of_kind("acme", "ConfigMap").len(), 1, "pods of the predecessor still use it");
    lab.run_workloads("acme");
    assert_eq!(lab.of_kind("acme", "ConfigMap").len(), 0);
    assert!(lab.is_at_rest());
}

#[test]
fn a_deployment_that_goes_hands_over_to_the_one_that_waits() {
    let platform = platform();
    let mut lab = running(&platform, &component("acme", "cart"));
    let before = reachable(&lab);
    lab.apply(&artifact("acme", "cart", "cart-v2", ""));
    lab.apply(&deployment("acme", "cart", "zz-second", "cart-v2"));
    assert_eq!(lab.ready("acme", "zz-second"), verdict("False", "AnotherDeploymentFirst"));
    lab.delete::<oc::Deployment>("acme", "cart-development");
    assert_eq!(deployments(&lab), ["zz-second"]);
    assert_eq!(reachable(&lab), before);
    assert!(image(&lab).contains("cart-v2"));
    // With nobody who waits, the deletion takes down what runs.
    lab.delete::<oc::Deployment>("acme", "zz-second");
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
}

#[test]
fn a_person_who_deletes_a_deployment_hands_over_to_the_track() {
    let platform = platform();
    let mut lab = running(&platform, &automatic());
    let before = reachable(&lab);
    lab.apply(&deployment("acme", "cart", "by-hand", "cart-v1"));
    lab.run_workloads("acme");
    assert_eq!(deployments(&lab), ["by-hand"]);
    lab.delete::<oc::Deployment>("acme", "by-hand");
    assert_eq!(deployments(&lab).len(), 1);
    assert_eq!(auto_deployed(&lab).0, verdict("True", "ArtifactDeployed"));
    assert_eq!(reachable(&lab), before);
}

#[test]
fn a_lost_artifact_or_build_keeps_what_runs_and_is_named() {
    let platform = platform();
    let mut lab = running(&platform, &automatic());
    let before = reachable(&lab);
    lab.delete::<oc::DeployableArtifact>("acme", "cart-v1");
    assert_eq!(reachable(&lab), before);
    let automatic = deployments(&lab)[0].clone();
    assert_eq!(lab.ready("acme", &automatic), verdict("False", "ArtifactNotResolved"));
    let (verdict_shown, said) = auto_deployed(&lab);
    assert_eq!(verdict_shown, verdict("Unknown", "NothingToDeploy"));
    assert!(said.contains(&automatic), "{said}");
    // By name, it goes.
    lab.delete::<oc::Deployment>("acme", &automatic);
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
}

#[test]
fn a_track_never_goes_back_to_an_older_artifact_by_itself() {
    let platform = platform();
    let mut lab = running(&platform, &automatic());
    lab.apply(&artifact("acme", "cart", "cart-v2", ""));
    assert!(image(&lab).contains("cart-v2"));
    let broken = artifact("acme", "cart", "cart-v2", "").replace("registry.example.com/cart-v2:1", "v2");
    for lose in [false, true] {
        if lose {
            lab.delete::<oc::DeployableArtifact>("acme", "cart-v2");
        } else {
            lab.apply(&broken);
        }
        assert!(image(&lab).contains("cart-v2"));
        let (shown, said) = auto_deployed(&lab);
        assert_eq!(shown, verdict("Unknown", "NoNewerArtifact"));
        assert!(said.contains("cart-v2"), "{said}");
    }
    lab.apply(&artifact("acme", "cart", "cart-v3", ""));
    assert!(image(&lab).contains("cart-v3"));
    assert_eq!(auto_deployed(&lab).0, verdict("True", "ArtifactDeployed"));
}

#[test]
fn another_first_environment_keeps_the_old_one_until_somebody_confirms() {
    let platform = platform();
    let mut lab = running(&platform, &automatic());
    let before = reachable(&lab);
    let old = deployments(&lab)[0].clone();
    lab.apply(&from("staging"));
    assert_eq!(reachable(&lab), before);
    assert_eq!(deployments(&lab).len(), 2, "the new first environment is deployed to at once");
    let (shown, said) = auto_deployed(&lab);
    assert_eq!(shown, verdict("False", "FirstEnvironmentChanged"));
    for part in [old.as_str(), "`development`", "`staging`", "openchoreo.dev/left-environments"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    lab.apply(&from("development"));
    assert_eq!(reachable(&lab), before);
    lab.apply(&from("staging").replace(
        "namespace: acme",
        "namespace: acme, annotations: {openchoreo.dev/left-environments: 'testing, development'}",
    ));
    assert_eq!(reachable(&lab), Vec::<String>::new());
    assert_eq!(deployments(&lab).len(), 1);
    assert_eq!(auto_deployed(&lab).0, verdict("True", "ArtifactDeployed"));
    assert!(lab.is_at_rest());
}

#[test]
fn a_left_environment_also_goes_by_the_deletion_of_its_deployment() {
    let platform = platform();
    let mut lab = running(&platform, &automatic());
    let old = deployments(&lab)[0].clone();
    lab.apply(&from("staging"));
    lab.delete::<oc::Deployment>("acme", &old);
    assert_eq!(reachable(&lab), Vec::<String>::new());
    assert_eq!(auto_deployed(&lab).0, verdict("True", "ArtifactDeployed"));
    assert_eq!(deployments(&lab).len(), 1);
}

#[test]
fn a_neighbour_that_goes_does_not_empty_a_cell_whose_environment_is_mistyped() {
    let platform = platform();
    let mut lab = running(&platform, &automatic());
    lab.apply(&component("acme", "pay"));
    let before = reachable(&lab);
    lab.apply(&STAGING.replace("staging", "development").replace("dataPlaneRef: plane", "dataPlaneRef: plain"));
    lab.delete::<oc::Deployment>("acme", "pay-development");
    assert_eq!(reachable(&lab), before);
}

#[test]
fn a_neighbour_that_goes_does_not_empty_a_cell_whose_component_names_a_project_that_does_not_exist() {
    let platform = platform();
    let mut lab = running(&platform, &automatic());
    lab.apply(&component("acme", "pay"));
    let before = reachable(&lab);
    lab.apply(&component_alone().replace("projectName: shop", "projectName: shpo"));
    lab.delete::<oc::Deployment>("acme", "pay-development");
    assert_eq!(reachable(&lab), before);
}

/// A document that was created on a day of January.
fn created(document: &str, day: u8) -> String {
    document.replacen("metadata: {", &format!("metadata: {{creationTimestamp: '2026-01-{day:02}T00:00:00Z', "), 1)
}

#[test]
fn a_deletion_does_not_wait_for_a_track_that_deploys_nothing() {
    let platform = platform();
    let mut lab = running(&platform, &component("acme", "cart"));
    lab.apply(&created(&track("cart-main", false), 1));
    // By name it comes first, by age it is the second of its name.
    lab.apply(&created(&track("aa-main", true), 2));
    let second = lab.control::<oc::DeploymentTrack>("acme", "aa-main").expect("the track exists");
    assert_eq!(crate::lab::reason(&second, "Ready"), verdict("False", "DuplicateTrack"));
    lab.delete::<oc::Deployment>("acme", "cart-development");
    assert_eq!(deployments(&lab), Vec::<String>::new());
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
}

#[test]
fn a_deletion_does_not_wait_for_one_that_waits_for_a_broken_one() {
    let platform = platform();
    let mut lab = running(&platform, &component("acme", "cart"));
    let mounted = artifact("acme", "cart", "cart-v2", "fileMounts: [{mountPath: /etc/cart, value: settings}]");
    lab.apply(&format!("{mounted}\n---\n{}", deployment("acme", "cart", "cart-development", "cart-v2")));
    lab.run_workloads("acme");
    // Takes over all but the mounted file, and is broken before it is ready.
    lab.apply(&deployment("acme", "cart", "aa-first", "cart-v1"));
    lab.apply(&deployment("acme", "cart", "aa-first", "cart-v9"));
    let before = reachable(&lab);
    // Could be deployed, and would take the file over, but for the first.
    lab.apply(&deployment("acme", "cart", "zz-last", "cart-v2"));
    assert_eq!(lab.ready("acme", "zz-last"), verdict("False", "AnotherDeploymentFirst"));
    lab.delete::<oc::Deployment>("acme", "cart-development");
    assert_eq!(deployments(&lab), ["aa-first", "zz-last"]);
    assert_eq!(reachable(&lab), before);
    assert_eq!(lab.of_kind("acme", "ConfigMap").len(), 0);
}

#[test]
fn an_artifact_of_a_track_that_does_not_exist_says_so_and_is_ready_when_it_does() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    let mistyped = artifact("acme", "cart", "cart-v2", "").replace("deployment-track: main", "deployment-track: mian");
    lab.apply(&format!("{}\n---\n{mistyped}", component("acme", "cart")));
    let shown = |lab: &Lab| lab.control::<oc::DeployableArtifact>("acme", "cart-v2").expect("it is there");
    assert_eq!(crate::lab::reason(&shown(&lab), "Ready"), verdict("False", "ParentNotFound"));
    assert!(message(&shown(&lab), "Ready").contains("`mian`"));
    lab.apply(&track("cart-mian", false).replace("name: main", "name: mian"));
    assert_eq!(crate::lab::reason(&shown(&lab), "Ready"), verdict("True", "DeployableArtifactAvailable"));
}

/// Something that people do and that is refused, unfinished or no affair of what runs.
#[derive(Clone, Debug)]
enum Edit {
    /// A document is applied.
    Apply(String),
    /// An object that is neither a Deployment of the component nor a parent of one is deleted.
    Lose(&'static str, &'static str),
    /// What the planes run comes up.
    Progress,
}

const GROUP: &str = "
apiVersion: openchoreo.dev/v1alpha1
kind: ConfigurationGroup
metadata: {name: settings, namespace: acme}
spec: {configurations: [{key: host, values: [{environment: development, value: one}]}]}
";

const BUILD: &str = "
apiVersion: openchoreo.dev/v1alpha1
kind: Build
metadata: {name: cart-build, namespace: acme}
spec:
  owner: {projectName: shop, componentName: cart}
  repository: {url: 'https://example.com/cart', revision: {commit: abc}, appPath: .}
  templateRef: {name: docker}
status: {imageStatus: {image: 'registry.example.com/built:1'}}
";

/// An artifact with its public endpoint, whole or broken in one of many ways.
fn any_artifact() -> impl Strategy<Value = String> {
    let whole = |name: &str| artifact("acme", "cart", name, "");
    let target = |name: &str| format!("fromImageRef: {{tag: 'registry.example.com/{name}:1'}}");
    let application = select(vec![
        "",
        "env: [{key: HOST, valueFrom: {configurationGroupRef: {name: settings, key: host}}}]",
        "env: [{key: HOST, valueFrom: {configurationGroupRef: {name: setings, key: host}}}]",
        "env: [{key: HOST, valueFrom: {configurationGroupRef: {name: settings, key: hots}}}]",
        "env: [{key: 'a=b', value: x}]",
        "resourceLimits: {cpu: lots}",
        "fileMounts: [{mountPath: etc/x, value: x}]",
        "scaling: {hpa: {minReplicas: 3, maxReplicas: 2}}",
    ]);
    let image = select(vec![
        "",
        "fromBuildRef: {name: cart-build}",
        "fromBuildRef: {name: crat-build}",
        "fromBuildRef: {gitRevision: abc}",
        "fromImageRef: {tag: v1}",
    ]);
    let track = select(vec!["main", "main", "mian"]);
    (select(vec!["cart-v1", "cart-v2"]), application, image, track).prop_map(
        move |(name, application, image, track)| {
            let broken = whole(name).replace("application: {}", &format!("application: {{{application}}}"));
            let broken = broken.replace("deployment-track: main", &format!("deployment-track: {track}"));
            if image.is_empty() { broken } else { broken.replace(&target(name), image) }
        },
    )
}

/// A Deployment of the component, with references that lead somewhere or nowhere.
fn any_deployment() -> impl Strategy<Value = String> {
    let names = select(vec!["aa-hand", "cart-development", "zz-hand"]);
    let artifacts = select(vec!["cart-v1", "cart-v2", "crat-v1"]);
    let labels = select(vec![
        ("", ""),
        ("", ""),
        ("deployment-track: main", "deployment-track: mian"),
        ("environment: development", "environment: develpoment"),
        ("component: cart", "component: crat"),
        ("deployment-track: main", "organization: globex, openchoreo.dev/deployment-track: main"),
    ]);
    (names, artifacts, labels).prop_map(|(name, artifact, (written, mistyped))| {
        deployment("acme", "cart", name, artifact).replace(written, mistyped)
    })
}

fn any_edit() -> impl Strategy<Value = Edit> {
    // An artifact without an endpoint, older than what runs: nobody asked for it.
    let bare =
        artifact("acme", "cart", "cart-v0", "").replace("endpointTemplates:", "endpointTemplates: []\n    unused:");
    let cart = component_alone();
    let environment = |plane: &str| {
        STAGING.replace("staging", "development").replace("dataPlaneRef: plane", &format!("dataPlaneRef: {plane}"))
    };
    let documents = vec![
        bare,
        GROUP.to_owned(),
        GROUP.replace("key: host", "key: '..'"),
        BUILD.to_owned(),
        BUILD.replace("registry.example.com/built:1", ""),
        from("development"),
        from("staging"),
        from("nowhere"),
        pipeline(""),
        pipeline("{sourceEnvironmentRef: development, targetEnvironmentRefs: [{name: development}]}"),
        track("cart-main", true),
        track("cart-main", false),
        track("aa-main", true),
        track("zz-main", true),
        environment("plane"),
        environment("plain"),
        cart.clone(),
        cart.replace("type: Service", "type: Servcie"),
        cart.replace("projectName: shop", "projectName: shpo"),
        component("acme", "pay"),
    ];
    let lost = vec![
        ("DeployableArtifact", "cart-v0"),
        ("DeployableArtifact", "cart-v1"),
        ("DeployableArtifact", "cart-v2"),
        ("Build", "cart-build"),
        ("ConfigurationGroup", "settings"),
        ("DeploymentPipeline", "pipeline"),
        ("Deployment", "pay-development"),
    ];
    prop_oneof![
        3 => any_artifact().prop_map(Edit::Apply),
        3 => any_deployment().prop_map(Edit::Apply),
        4 => select(documents).prop_map(Edit::Apply),
        2 => select(lost).prop_map(|(kind, name)| Edit::Lose(kind, name)),
        1 => Just(Edit::Progress),
    ]
}

fn perform(lab: &mut Lab, edit: &Edit) {
    match edit {
        Edit::Apply(document) => lab.apply(document),
        Edit::Progress => lab.run_workloads("acme"),
        Edit::Lose("DeployableArtifact", name) => lab.delete::<oc::DeployableArtifact>("acme", name),
        Edit::Lose("Build", name) => lab.delete::<oc::Build>("acme", name),
        Edit::Lose("ConfigurationGroup", name) => lab.delete::<oc::ConfigurationGroup>("acme", name),
        Edit::Lose("DeploymentPipeline", name) => lab.delete::<oc::DeploymentPipeline>("acme", name),
        Edit::Lose("Deployment", name) => lab.delete::<oc::Deployment>("acme", name),
        Edit::Lose(kind, _) => panic!("nothing deletes a {kind}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn nothing_that_is_refused_or_unfinished_takes_down_what_is_reachable(
        by_track in any::<bool>(),
        edits in proptest::collection::vec(any_edit(), 1..10),
    ) {
        let platform = isolating(false);
        let written = if by_track { automatic() } else { component("acme", "cart") };
        let mut lab = running(&platform, &written);
        let before = reachable(&lab);
        for edit in &edits {
            perform(&mut lab, edit);
            let after = reachable(&lab);
            prop_assert!(before.iter().all(|part| after.contains(part)), "after {edit:?}: {after:?}, before: {before:?}");
        }
        prop_assert!(lab.is_at_rest());
    }
}
