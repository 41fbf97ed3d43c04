//! What is to let in less does so at once, whatever becomes of the rest of the edit.

use openchoreo_core::kind::PlaneKey;
use openchoreo_core::world::{Disconnect, PlaneState};
use serde_json::{Value, json};

use crate::lab::{Lab, artifact, component, plane, platform, verdict};

/// An application that cannot be deployed, and the verdict of the Deployment.
const BROKEN: [(&str, &str); 2] = [
    ("env: [{key: '1 not a name', value: x}]", "RenderFailed"),
    ("env: [{key: A, valueFrom: {configurationGroupRef: {name: missing, key: a}}}]", "ConfigurationGroupNotFound"),
];
const VISIBLE: &str = ", networkVisibilities: {public: {enable: true}}";
const PROTECTED: &str = ", networkVisibilities: {public: {enable: true, policies: [{name: limit, type: rate-limit, policySpec: {rateLimit: {apiLevel: {requestLimit: 9, timeUnit: minute}, operationLevel: {rest: []}}}}]}}";

fn written(application: &str, visibilities: &str) -> String {
    artifact("acme", "cart", "cart-v1", application).replace(VISIBLE, visibilities)
}

fn running() -> Lab {
    let mut lab = Lab::with_organization(&platform(), "acme");
    lab.apply(&component("acme", "cart"));
    lab.run_workloads("acme");
    assert_eq!(lab.ready("acme", "cart-development"), verdict("True", "DeploymentReady"));
    lab
}

fn endpoint(lab: &Lab) -> Option<Value> {
    let all = lab.offline.world().all(&PlaneKey::Control).into_iter();
    all.filter(|(key, _)| key.kind.kind == "Endpoint").map(|(_, live)| live.json()).next()
}

fn visibilities(lab: &Lab) -> Value {
    endpoint(lab).expect("the endpoint is there")["spec"]["networkVisibilities"].clone()
}

#[test]
fn a_visibility_that_is_withdrawn_goes_although_the_workload_is_refused() {
    for (application, reason) in BROKEN {
        let mut lab = running();
        let (before, workload) = (endpoint(&lab).unwrap()["metadata"].clone(), lab.in_plane("acme"));
        assert!(before["ownerReferences"][0]["controller"] == true && before["labels"]["openchoreo.dev/name"] == "web");
        for off in [", networkVisibilities: {public: {enable: false}}", ", networkVisibilities: {}", ""] {
            lab.apply(&written("", VISIBLE));
            assert_eq!(visibilities(&lab), json!({ "public": { "enable": true } }));
            lab.apply(&written(application, off));
            assert_eq!(lab.ready("acme", "cart-development"), verdict("False", reason));
            assert_eq!(visibilities(&lab).pointer("/public/enable").unwrap_or(&json!(false)), &json!(false), "{off}");
            let after = endpoint(&lab).unwrap()["metadata"].clone();
            for kept in ["uid", "labels", "ownerReferences", "finalizers"] {
                assert_eq!(after[kept], before[kept], "{kept}");
            }
            assert_eq!(lab.in_plane("acme"), workload, "what runs stays");
            assert!(lab.is_at_rest());
        }
    }
}

#[test]
fn an_endpoint_that_is_taken_out_of_the_artifact_goes_although_the_workload_is_refused() {
    let mut lab = running();
    let application = BROKEN[0].0;
    let without = written(application, VISIBLE).replace("name: web", "name: other");
    lab.apply(&without);
    assert_eq!(endpoint(&lab), None, "and the other is not made before what it leads to");
    assert_eq!(lab.of_kind("acme", "Deployment").len(), 1);
    lab.apply(&without.replace(application, ""));
    assert!(endpoint(&lab).unwrap()["metadata"]["name"].as_str().unwrap().contains("other"));
}

#[test]
fn a_policy_that_is_added_is_there_although_the_workload_is_refused() {
    let mut lab = running();
    let before = endpoint(&lab).unwrap()["spec"]["backendRef"].clone();
    lab.apply(&written(BROKEN[0].0, PROTECTED).replace("port: 8080", "port: 9090"));
    assert_eq!(visibilities(&lab)["public"]["policies"][0]["name"], "limit");
    assert_eq!(endpoint(&lab).unwrap()["spec"]["backendRef"], before, "the route leads to what runs");
    lab.apply(&written("", PROTECTED).replace("port: 8080", "port: 9090"));
    assert_eq!(endpoint(&lab).unwrap()["spec"]["backendRef"]["componentRef"]["port"], 9090);
}

#[test]
fn nothing_is_opened_before_the_workload_is_accepted() {
    let mut lab = running();
    let wider = ", networkVisibilities: {public: {enable: true}, organization: {enable: true}}";
    lab.apply(&written(BROKEN[0].0, wider));
    assert_eq!(visibilities(&lab), json!({ "public": { "enable": true } }));
    lab.apply(&written("", wider));
    assert_eq!(visibilities(&lab)["organization"]["enable"], true);
}

#[test]
fn a_plane_that_does_not_answer_holds_no_withdrawal_up_in_the_control_plane() {
    let mut lab = running();
    let lost = PlaneState::Unreachable {
        since: k8s_openapi::jiff::Timestamp::UNIX_EPOCH,
        cause: Disconnect::NoAnswer,
        error: "no answer".to_owned(),
    };
    lab.offline.set_plane_state(&plane("acme"), lost);
    lab.apply(&written("", ", networkVisibilities: {}"));
    assert_eq!(visibilities(&lab).pointer("/public"), None);
}
