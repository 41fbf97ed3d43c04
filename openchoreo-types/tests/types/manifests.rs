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
fn a_document_that_nests_without_end_is_an_error() {
    let lists = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let maps = format!("{}1{}", "{a: ".repeat(100_000), "}".repeat(100_000));
    let indented: String = (0..2_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    for text in [lists, maps, "- ".repeat(100_000), indented] {
        assert!(yaml::documents(&text).is_err(), "{}", &text[..20]);
        assert!(yaml::from_str::<Value>(&text).is_err(), "{}", &text[..20]);
    }
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
    messages(&json!({"apiVersion": "openchoreo.dev/v1alpha1", "kind": kind, "metadata": {"name": "a"}, "spec": spec}))
}

fn messages(document: &Value) -> Vec<String> {
    validate_manifest(document).err().into_iter().flatten().map(|problem| problem.to_string()).collect()
}

#[test]
fn a_bad_manifest_is_told_what_is_wrong_and_what_was_meant() {
    let cases = [
        ("Projct", json!({}), vec!["`kind` cannot be `Projct`: did you mean `Project`?"]),
        ("Project", json!({}), vec!["`spec.deploymentPipelineRef` is missing"]),
        ("Project", json!([]), vec!["`spec` must be an object, not a list"]),
        ("Project", json!({"deploymentPipelineRef": ""}), vec!["`spec.deploymentPipelineRef` must not be empty"]),
        (
            "Project",
            json!({"deploymentPipelineRef": 1}),
            vec!["`spec.deploymentPipelineRef` must be text, not 1: write \"1\""],
        ),
        (
            "Environment",
            json!({"isProduction": "yes", "gatway": {}}),
            vec![
                "`spec.gatway` is an unknown field: did you mean `gateway`?",
                "`spec.isProduction` must be true or false, not text",
            ],
        ),
        (
            "Endpoint",
            json!({"type": "http", "backendRef": {"type": "componentRef", "componentRef": {"port": 80.5}}}),
            vec![
                "`spec.backendRef.componentRef.port` must be a whole number, not 80.5",
                "`spec.type` cannot be `http`: did you mean `HTTP`?",
            ],
        ),
        (
            "Endpoint",
            json!({"type": "mail", "backendRef": {"type": "componentRef", "componentRef": {"port": 80.0}}}),
            vec![
                "`spec.type` cannot be `mail`: it is one of `HTTP`, `REST`, `gRPC`, `GraphQL`, `Websocket`, `TCP`, \
                 `UDP`",
            ],
        ),
        (
            "DeploymentPipeline",
            json!({"promotionPaths": [{"sourceEnvironment": "a", "targetEnvironmentRefs": [{}]}]}),
            vec![
                "`spec.promotionPaths[0].sourceEnvironment` is an unknown field: did you mean `sourceEnvironmentRef`?",
                "`spec.promotionPaths[0].targetEnvironmentRefs[0].name` is missing",
                "`spec.promotionPaths[0].sourceEnvironmentRef` is missing",
            ],
        ),
        (
            "DataPlane",
            json!({"kubernetesCluster": {"credentials": {"apiServerURL": "https://a"}}}),
            vec!["`spec.kubernetesCluster.credentials` needs `clientCert` with `clientKey`, or `token`"],
        ),
        (
            "BuildPlane",
            json!({"kubernetesCluster": {"server": "https://a"}}),
            vec![
                "`spec.kubernetesCluster` cannot be used: `spec.kubernetesCluster.auth` has no credentials: \
                 set `mtls.clientCert` and `mtls.clientKey`, or `bearerToken`",
            ],
        ),
    ];
    for (kind, spec, expected) in cases {
        assert_eq!(problems(kind, spec.clone()), expected, "{kind} {spec}");
    }
}

#[test]
fn a_manifest_that_holds_more_than_it_may_is_told_how_much_that_is() {
    let path = json!({"sourceEnvironmentRef": "a", "targetEnvironmentRefs": []});
    let scope: Value =
        (0..2000).map(|number| (format!("key-{number}"), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    let probes = json!({"livenessProbe": {"httpGet": {"port": "a".repeat(5000)}}});
    let cases = [
        (
            "DeploymentPipeline",
            json!({"promotionPaths": vec![path; 15_000]}),
            "`spec.promotionPaths` must have 256 entries or fewer, not 15000",
        ),
        (
            "ConfigurationGroup",
            json!({"configurations": [], "scope": scope}),
            "`spec.scope` must have 1024 entries or fewer, not 2000",
        ),
        (
            "Project",
            json!({"deploymentPipelineRef": "a".repeat(5000)}),
            "`spec.deploymentPipelineRef` must have 4096 characters or fewer",
        ),
        (
            "DeployableArtifact",
            json!({"targetArtifact": {}, "configuration": {"application": {"probes": probes}}}),
            "`spec.configuration.application.probes.livenessProbe.httpGet.port` must have 4096 characters or fewer",
        ),
    ];
    for (kind, spec, expected) in cases {
        assert_eq!(problems(kind, spec), [expected], "{kind}");
    }
    let file = json!({"mountPath": "/a", "value": "a".repeat(1024 * 1024)});
    let artifact = json!({"targetArtifact": {}, "configuration": {"application": {"fileMounts": [file]}}});
    assert_eq!(problems("DeployableArtifact", artifact), Vec::<String>::new());
}

#[test]
fn a_manifest_says_what_it_is() {
    let version = "openchoreo.dev/v1alpha1";
    let cases = [
        (json!([]), "`apiVersion` is missing"),
        (json!({"kind": "Project"}), "`apiVersion` is missing"),
        (
            json!({"apiVersion": "openchoreo.dev/v1", "kind": "Project"}),
            "`apiVersion` cannot be `openchoreo.dev/v1`: did you mean `openchoreo.dev/v1alpha1`?",
        ),
        (json!({"apiVersion": "v1"}), "`apiVersion` cannot be `v1`: it is one of `openchoreo.dev/v1alpha1`"),
        (json!({"apiVersion": version}), "`kind` is missing"),
        (json!({"apiVersion": version, "kind": true}), "`kind` must be text, not true: write \"true\""),
    ];
    for (document, expected) in cases {
        assert_eq!(messages(&document), [expected], "{document}");
    }
}

#[test]
fn metadata_is_checked_although_definitions_leave_it_empty() {
    let cases = [
        (json!({"name": "a", "labels": {"tier": "1"}, "annotations": {"b": null}}), vec![]),
        (json!({"generateName": "a-"}), vec![]),
        (json!({}), vec!["`metadata.name` is missing"]),
        (json!(null), vec!["`metadata.name` is missing"]),
        (json!("a"), vec!["`metadata` must be an object, not text"]),
        (json!({"name": 1}), vec!["`metadata.name` must be text, not 1: write \"1\""]),
        (
            json!({"name": "a", "label": {}, "annotations": {"a.b/c": true, "list": []}}),
            vec![
                "`metadata.annotations[a.b/c]` must be text, not true: write \"true\"",
                "`metadata.annotations[list]` must be text, not a list",
                "`metadata.label` is an unknown field: did you mean `labels`?",
            ],
        ),
    ];
    for (metadata, expected) in cases {
        let document =
            json!({"apiVersion": "openchoreo.dev/v1alpha1", "kind": "Organization", "metadata": metadata.clone()});
        assert_eq!(messages(&document), expected, "{metadata}");
    }
}

#[test]
fn a_status_is_not_looked_at() {
    let mut document = json!({"apiVersion": "openchoreo.dev/v1alpha1", "kind": "Organization"});
    document["metadata"] = json!({"name": "a"});
    document["status"] = json!({"anything": true});
    assert_eq!(messages(&document), [""; 0]);
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
