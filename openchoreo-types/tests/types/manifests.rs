//! Reading YAML, writing it, and checking manifests without a cluster.

use openchoreo_types::validate::validate_manifest;
use openchoreo_types::yaml::{self, YamlError};
use serde_json::{Value, json};

#[test]
fn empty_documents_are_skipped() {
    let documents = yaml::documents("---\n---\na: 1\n---\n# only a comment\n---\nb: 2\n---\n").unwrap();
    assert_eq!(documents, [json!({"a": 1}), json!({"b": 2})]);
    assert_eq!(yaml::documents("").unwrap(), Vec::<Value>::new());
}

#[test]
fn a_syntax_error_names_its_line() {
    let error = yaml::documents("a: 1\n---\nb: [1\nc: 2\n").unwrap_err();
    let YamlError::Read { line, .. } = &error else { panic!("{error}") };
    assert!(line.is_some_and(|line| line >= 3), "{error:?}");
    assert!(error.to_string().starts_with("line "), "{error}");
}

#[test]
fn long_strings_stay_on_one_line_and_every_value_survives() {
    let long = "word ".repeat(60).trim().to_owned();
    let value = json!({"long": long, "lines": "a\nb\n", "yes": "yes", "number": "012", "empty": {}, "list": [1, "1"]});
    let text = yaml::to_string(&value).unwrap();
    assert!(text.lines().any(|line| line.contains(&long)), "{text}");
    assert_eq!(yaml::from_str::<Value>(&text).unwrap(), value);
}

fn problems(kind: &str, spec: Value) -> Vec<String> {
    let document =
        json!({"apiVersion": "openchoreo.dev/v1alpha1", "kind": kind, "metadata": {"name": "a"}, "spec": spec});
    validate_manifest(&document).err().into_iter().flatten().map(|problem| problem.to_string()).collect()
}

#[test]
fn a_bad_manifest_is_told_what_is_wrong_and_what_was_meant() {
    let cases = [
        ("Projct", json!({}), vec!["`kind`: no such kind: `Projct`; did you mean `Project`?"]),
        ("Project", json!({}), vec!["`spec.deploymentPipelineRef`: is required"]),
        ("Project", json!({"deploymentPipelineRef": ""}), vec!["`spec.deploymentPipelineRef`: must not be empty"]),
        (
            "Environment",
            json!({"isProduction": "yes", "gatway": {}}),
            vec![
                "`spec.gatway`: unknown field; did you mean `gateway`?",
                "`spec.isProduction`: expected true or false, found text",
            ],
        ),
        (
            "Endpoint",
            json!({"type": "http", "backendRef": {"type": "componentRef", "componentRef": {"port": 80.5}}}),
            vec![
                "`spec.backendRef.componentRef.port`: expected a whole number, found a number",
                "`spec.type`: `http` is none of `HTTP`, `REST`, `gRPC`, `GraphQL`, `Websocket`, `TCP`, `UDP`; \
                 did you mean `HTTP`?",
            ],
        ),
        (
            "DeploymentPipeline",
            json!({"promotionPaths": [{"sourceEnvironment": "a", "targetEnvironmentRefs": [{}]}]}),
            vec![
                "`spec.promotionPaths[0].sourceEnvironmentRef`: is required",
                "`spec.promotionPaths[0].sourceEnvironment`: unknown field; did you mean `sourceEnvironmentRef`?",
                "`spec.promotionPaths[0].targetEnvironmentRefs[0].name`: is required",
            ],
        ),
        (
            "DataPlane",
            json!({"kubernetesCluster": {"credentials": {"apiServerURL": "https://a"}}}),
            vec!["`spec.kubernetesCluster.credentials`: needs `clientCert` with `clientKey`, or `token`"],
        ),
        (
            "BuildPlane",
            json!({"kubernetesCluster": {"server": "https://a"}}),
            vec![
                "`spec.kubernetesCluster`: `spec.kubernetesCluster.auth` has no credentials: \
                 set `mtls.clientCert` and `mtls.clientKey`, or `bearerToken`",
            ],
        ),
    ];
    for (kind, spec, expected) in cases {
        assert_eq!(problems(kind, spec.clone()), expected, "{kind} {spec}");
    }
}

#[test]
fn a_good_manifest_passes() {
    assert_eq!(problems("Organization", Value::Null), Vec::<String>::new());
    assert_eq!(problems("Project", json!({"deploymentPipelineRef": "main"})), Vec::<String>::new());
    let probe = json!({"httpGet": {"port": "http"}});
    let application = json!({"env": [{"key": "A", "value": "b"}], "probes": {"livenessProbe": probe}});
    let artifact = json!({"targetArtifact": {}, "configuration": {"application": application}});
    assert_eq!(problems("DeployableArtifact", artifact), Vec::<String>::new());
}
