//! Structural schemas over small objects.

use openchoreo_embedded::schema::{FieldErrorKind, Schema};
use serde_json::{Value, json};

/// A schema whose `spec` has the given properties.
fn with_spec(properties: Value) -> Schema {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}});
    Schema::parse(&schema).expect("structural")
}

fn findings(schema: &Schema, object: &Value, old: Option<&Value>) -> Vec<String> {
    schema.validate(object, old).iter().map(ToString::to_string).collect()
}

#[test]
fn schemas_that_are_not_structural_are_refused() {
    let cases = [
        (json!({"type": "string"}), "openAPIV3Schema.type: Invalid value: must be object at the root"),
        (
            json!({"type": "object", "properties": {"a": {}}}),
            "openAPIV3Schema.properties[a].type: Required value: must not be empty for specified object fields",
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "array"}}}),
            "openAPIV3Schema.properties[a].items: Required value: must be specified",
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "text"}}}),
            "openAPIV3Schema.properties[a].type: Unsupported value: \"text\": supported values: \"array\", \
             \"boolean\", \"integer\", \"number\", \"object\", \"string\"",
        ),
        (
            json!({"type": "object", "properties": {"a": {"$ref": "#/x"}}}),
            "openAPIV3Schema.properties[a].$ref: Forbidden: $ref is not supported",
        ),
        (
            json!({"type": "object", "anyOf": [{"properties": {"a": {"minimum": 1}}}]}),
            "openAPIV3Schema.properties[a]: Required value: because it is defined in \
             openAPIV3Schema.anyOf[0].properties[a]",
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "integer"}},
                   "anyOf": [{"properties": {"a": {"type": "integer"}}}]}),
            "openAPIV3Schema.anyOf[0].properties[a].type: Forbidden: must be empty to be structural",
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "integer", "default": "x"}}}),
            "openAPIV3Schema.properties[a].default: Invalid value: \"string\":  in body must be of type integer: \
             \"string\"",
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object"},
                   "x-kubernetes-list-type": "map"}}}),
            "openAPIV3Schema.properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if \
             x-kubernetes-list-type is map",
        ),
        (
            json!({"type": "object", "properties": {"metadata": {"type": "object",
                   "properties": {"labels": {"type": "object"}}}}}),
            "openAPIV3Schema.properties[metadata].properties: Forbidden: must not specify anything other than name \
             and generateName, but metadata is implicitly specified",
        ),
    ];
    for (schema, expected) in cases {
        let error = Schema::parse(&schema).expect_err("not structural");
        assert_eq!(error.to_string(), expected, "{schema}");
    }
}

#[test]
fn unknown_members_are_pruned_and_named() {
    let schema = with_spec(json!({
        "known": {"type": "string"},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                 "properties": {"typed": {"type": "object"}}},
        "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"a": {"type": "string"}}}},
        "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
        "embedded": {"type": "object", "x-kubernetes-embedded-resource": true,
                     "properties": {"spec": {"type": "object"}}},
        "either": {"x-kubernetes-int-or-string": true},
    }));
    let mut object = json!({
        "apiVersion": "v1", "kind": "X",
        "metadata": {"name": "a", "labels": {"l": "v"}, "nope": 1},
        "spec": {
            "known": "x", "unknown": 1,
            "free": {"any": {"thing": 1}, "typed": {"gone": 1}},
            "map": {"k": {"a": "1", "b": "2"}},
            "list": [{"a": "1"}, {"b": "2"}],
            "embedded": {"apiVersion": "v1", "kind": "Y", "metadata": {"name": "b"}, "spec": {}, "rest": 1},
            "either": "8080",
        },
    });
    let mut dropped = schema.prune(&mut object);
    dropped.sort();
    assert_eq!(
        dropped,
        [
            "metadata.nope",
            "spec.embedded.rest",
            "spec.free.typed.gone",
            "spec.list[1].b",
            "spec.map.k.b",
            "spec.unknown"
        ]
    );
    assert_eq!(
        object["spec"],
        json!({
            "known": "x", "free": {"any": {"thing": 1}, "typed": {}}, "map": {"k": {"a": "1"}},
            "list": [{"a": "1"}, {}],
            "embedded": {"apiVersion": "v1", "kind": "Y", "metadata": {"name": "b"}, "spec": {}},
            "either": "8080",
        })
    );
}

#[test]
fn defaults_fill_objects_that_are_present() {
    let schema = with_spec(json!({
        "replicas": {"type": "integer", "default": 1},
        "nullable": {"type": "string", "nullable": true, "default": "x"},
        "optional": {"type": "string"},
        "nested": {"type": "object", "properties": {"mode": {"type": "string", "default": "auto"}}},
        "whole": {"type": "object", "default": {}, "properties": {"mode": {"type": "string", "default": "auto"}}},
        "list": {"type": "array", "items": {"type": "object",
                 "properties": {"protocol": {"type": "string", "default": "TCP"}}}},
    }));
    let cases = [
        (json!({}), json!({})),
        (json!({"spec": {}}), json!({"spec": {"replicas": 1, "nullable": "x", "whole": {"mode": "auto"}}})),
        (
            json!({"spec": {"replicas": null, "nullable": null, "optional": null, "nested": {}, "list": [{}]}}),
            json!({"spec": {"replicas": 1, "nullable": null, "nested": {"mode": "auto"}, "whole": {"mode": "auto"},
                            "list": [{"protocol": "TCP"}]}}),
        ),
    ];
    for (given, expected) in cases {
        let mut object = given.clone();
        schema.apply_defaults(&mut object);
        assert_eq!(object, expected, "{given}");
    }
}

#[test]
fn findings_read_as_kubernetes_prints_them() {
    let cases = [
        (
            json!({"type": "integer"}),
            json!("a"),
            vec![r#"spec.x: Invalid value: "string": spec.x in body must be of type integer: "string""#],
        ),
        (json!({"type": "integer"}), json!(1.0), vec![]),
        (
            json!({"type": "integer"}),
            json!(1.5),
            vec![r#"spec.x: Invalid value: "number": spec.x in body must be of type integer: "number""#],
        ),
        (
            json!({"type": "string"}),
            json!(null),
            vec![r#"spec.x: Invalid value: "null": spec.x in body must be of type string: "null""#],
        ),
        (json!({"type": "string", "nullable": true}), json!(null), vec![]),
        (
            json!({"x-kubernetes-int-or-string": true}),
            json!(true),
            vec![r#"spec.x: Invalid value: "boolean": spec.x in body must be of type integer,string: "boolean""#],
        ),
        (
            json!({"type": "string", "enum": ["b", "c"]}),
            json!("a"),
            vec![r#"spec.x: Unsupported value: "a": supported values: "b", "c""#],
        ),
        (
            json!({"type": "integer", "minimum": 1}),
            json!(0),
            vec!["spec.x: Invalid value: 0: spec.x in body should be greater than or equal to 1"],
        ),
        (
            json!({"type": "integer", "minimum": 1, "exclusiveMinimum": true}),
            json!(1),
            vec!["spec.x: Invalid value: 1: spec.x in body should be greater than 1"],
        ),
        (
            json!({"type": "integer", "maximum": 5}),
            json!(6),
            vec!["spec.x: Invalid value: 6: spec.x in body should be less than or equal to 5"],
        ),
        (json!({"type": "number", "multipleOf": 0.1}), json!(0.3), vec![]),
        (
            json!({"type": "integer", "multipleOf": 5}),
            json!(6),
            vec!["spec.x: Invalid value: 6: spec.x in body should be a multiple of 5"],
        ),
        (
            json!({"type": "string", "minLength": 2}),
            json!("é"),
            vec![r#"spec.x: Invalid value: "é": spec.x in body should be at least 2 chars long"#],
        ),
        (json!({"type": "string", "maxLength": 1}), json!("é"), vec![]),
        (
            json!({"type": "string", "maxLength": 1}),
            json!("ab"),
            vec!["spec.x: Too long: may not be more than 1 bytes"],
        ),
        (
            json!({"type": "string", "pattern": "^[a-z]+$"}),
            json!("A"),
            vec![r#"spec.x: Invalid value: "A": spec.x in body should match '^[a-z]+$'"#],
        ),
        (
            json!({"type": "array", "items": {"type": "string"}, "maxItems": 1}),
            json!(["a", "b"]),
            vec!["spec.x: Too many: 2: must have at most 1 items"],
        ),
        (
            json!({"type": "array", "items": {"type": "string"}, "minItems": 1}),
            json!([]),
            vec!["spec.x: Invalid value: 0: spec.x in body should have at least 1 items"],
        ),
        (
            json!({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}),
            json!(["a", "a"]),
            vec![r#"spec.x[1]: Duplicate value: "a""#],
        ),
        (
            json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}}),
            json!([{"name": "a"}, {"name": "a"}]),
            vec![r#"spec.x[1]: Duplicate value: map[string]interface {}{"name":"a"}"#],
        ),
        (
            json!({"type": "object", "required": ["y"], "properties": {"y": {"type": "string"}}}),
            json!({}),
            vec!["spec.x.y: Required value"],
        ),
        (
            json!({"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 1}),
            json!({"a": "1", "b": "2"}),
            vec!["spec.x: Too many: 2: must have at most 1 items"],
        ),
        (
            json!({"type": "string", "format": "date-time"}),
            json!("2026-01-02 03:04:05Z"),
            vec![
                r#"spec.x: Invalid value: "2026-01-02 03:04:05Z": spec.x in body must be of type date-time: "2026-01-02 03:04:05Z""#,
            ],
        ),
        (json!({"type": "string", "format": "date-time"}), json!("2026-01-02T03:04:05+01:00"), vec![]),
        (json!({"type": "string", "format": "duration"}), json!("1h30m"), vec![]),
        (json!({"type": "string", "format": "unheard-of"}), json!("?"), vec![]),
        (
            json!({"type": "integer", "format": "int32"}),
            json!(2_147_483_648_u64),
            vec![r#"spec.x: Invalid value: 2147483648: spec.x in body must be of type int32: "2147483648""#],
        ),
        (
            json!({"type": "integer", "anyOf": [{"minimum": 10}, {"maximum": 1}]}),
            json!(5),
            vec![
                r#"<nil>: Invalid value: "": "spec.x" must validate at least one schema (anyOf)"#,
                "spec.x: Invalid value: 5: spec.x in body should be greater than or equal to 10",
            ],
        ),
        (
            json!({"type": "integer", "oneOf": [{"minimum": 1}, {"maximum": 9}]}),
            json!(5),
            vec![
                r#"<nil>: Invalid value: "": "spec.x" must validate one and only one schema (oneOf). Found 2 valid alternatives"#,
            ],
        ),
        (
            json!({"type": "integer", "not": {"enum": [5]}}),
            json!(5),
            vec![r#"<nil>: Invalid value: "": "spec.x" must not validate the schema (not)"#],
        ),
        (
            json!({"type": "integer", "allOf": [{"minimum": 6}]}),
            json!(5),
            vec![
                "spec.x: Invalid value: 5: spec.x in body should be greater than or equal to 6",
                r#"<nil>: Invalid value: "": "spec.x" must validate all the schemas (allOf)"#,
            ],
        ),
    ];
    for (property, value, expected) in cases {
        let schema = with_spec(json!({"x": property}));
        let object = json!({"spec": {"x": value}});
        assert_eq!(findings(&schema, &object, None), expected, "{property} {value}");
    }
}

#[test]
fn rules_refuse_with_their_message_path_and_reason() {
    let schema = with_spec(json!({
        "min": {"type": "integer"},
        "max": {"type": "integer"},
        "fixed": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "is fixed"}]},
        "range": {"type": "object", "properties": {"low": {"type": "integer"}, "high": {"type": "integer"}},
            "x-kubernetes-validations": [
                {"rule": "self.low <= self.high", "messageExpression": "'low is ' + string(self.low)",
                 "fieldPath": ".low"},
                {"rule": "self.low != 7", "reason": "FieldValueForbidden", "message": "seven"},
                {"rule": "self.high != 9"},
            ]},
        "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "required": ["name"],
                "properties": {"name": {"type": "string"}, "port": {"type": "integer"}},
                "x-kubernetes-validations": [{"rule": "self.port >= oldSelf.port", "message": "must not fall"}]}},
        "labels": {"type": "object", "additionalProperties": {"type": "string",
            "x-kubernetes-validations": [{"rule": "self.startsWith('a')", "message": "must begin with a"}]}},
    }));
    let cases = [
        (json!({"fixed": "a"}), None, vec![]),
        (json!({"fixed": "a"}), Some(json!({"fixed": "a"})), vec![]),
        (json!({"fixed": "b"}), Some(json!({"fixed": "a"})), vec![r#"spec.fixed: Invalid value: "string": is fixed"#]),
        (json!({"range": {"low": 2, "high": 1}}), None, vec![r#"spec.range.low: Invalid value: "object": low is 2"#]),
        (
            json!({"range": {"low": 7, "high": 9}}),
            None,
            vec!["spec.range: Forbidden: seven", r#"spec.range: Invalid value: "object": failed rule: self.high != 9"#],
        ),
        (
            json!({"ports": [{"name": "b", "port": 1}, {"name": "a", "port": 5}]}),
            Some(json!({"ports": [{"name": "a", "port": 6}]})),
            vec![r#"spec.ports[1]: Invalid value: "object": must not fall"#],
        ),
        (json!({"labels": {"x": "b"}}), None, vec![r#"spec.labels[x]: Invalid value: "string": must begin with a"#]),
    ];
    for (spec, old, expected) in cases {
        let old = old.map(|old| json!({"spec": old}));
        assert_eq!(findings(&schema, &json!({"spec": spec}), old.as_ref()), expected, "{spec} after {old:?}");
    }
}

#[test]
fn rules_at_the_root_see_the_name() {
    let schema = Schema::parse(&json!({"type": "object", "x-kubernetes-validations": [
        {"rule": "self.metadata.name == 'only'", "message": "there is only one"}]}))
    .expect("structural");
    assert_eq!(findings(&schema, &json!({"metadata": {"name": "only"}}), None), Vec::<String>::new());
    assert_eq!(
        findings(&schema, &json!({"metadata": {"name": "other"}}), None),
        [r#"<nil>: Invalid value: "object": there is only one"#]
    );
}

#[test]
fn causes_are_machine_readable() {
    let causes = [
        (FieldErrorKind::Invalid, "FieldValueInvalid"),
        (FieldErrorKind::TypeInvalid, "FieldValueTypeInvalid"),
        (FieldErrorKind::Required, "FieldValueRequired"),
        (FieldErrorKind::NotSupported, "FieldValueNotSupported"),
        (FieldErrorKind::Duplicate, "FieldValueDuplicate"),
        (FieldErrorKind::Forbidden, "FieldValueForbidden"),
        (FieldErrorKind::TooLong, "FieldValueTooLong"),
        (FieldErrorKind::TooMany, "FieldValueTooMany"),
    ];
    for (kind, cause) in causes {
        assert_eq!(kind.cause(), cause);
    }
}

#[test]
fn builtin_schemas_judge_like_the_server_they_imitate() {
    let deployment = |container: Value| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "creationTimestamp": null},
            "spec": {
                "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
            },
            "status": {"conditions": [{"type": "Available"}]},
        })
    };
    let schema = Schema::builtin("apps/v1", "Deployment").expect("built in");
    let cases = [
        (
            json!({"name": "web", "image": "x", "resources": {"limits": {"cpu": "500m", "memory": 128}},
                "livenessProbe": {"httpGet": {"port": "http"}}, "ports": [{"containerPort": 80}]}),
            vec![],
            vec![],
        ),
        (json!({"name": "web", "imagee": "x"}), vec!["spec.template.spec.containers[0].imagee"], vec![]),
        (json!({"image": "x"}), vec![], vec!["spec.template.spec.containers[0].name: Required value"]),
        (
            json!({"name": "web", "resources": {"limits": {"cpu": "half"}}}),
            vec![],
            vec![
                "spec.template.spec.containers[0].resources.limits.cpu: Invalid value: \"half\": \
               spec.template.spec.containers[0].resources.limits.cpu in body must be of type quantity: \"half\"",
            ],
        ),
    ];
    for (container, dropped, expected) in cases {
        let mut object = deployment(container.clone());
        assert_eq!(schema.prune(&mut object), dropped, "{container}");
        schema.apply_defaults(&mut object);
        assert_eq!(findings(&schema, &object, None), expected, "{container}");
        assert!(object["metadata"].get("creationTimestamp").is_none(), "a null counts as absent");
    }
}

#[test]
fn every_builtin_kind_has_a_schema_with_its_own_members() {
    let cases = [
        ("v1", "Namespace", "spec"),
        ("v1", "ConfigMap", "data"),
        ("v1", "Secret", "stringData"),
        ("v1", "Service", "spec"),
        ("v1", "ServiceAccount", "secrets"),
        ("v1", "Event", "involvedObject"),
        ("events.k8s.io/v1", "Event", "regarding"),
        ("v1", "Pod", "spec"),
        ("v1", "Node", "spec"),
        ("v1", "PersistentVolumeClaim", "spec"),
        ("apps/v1", "ReplicaSet", "spec"),
        ("apps/v1", "StatefulSet", "spec"),
        ("apps/v1", "DaemonSet", "spec"),
        ("batch/v1", "Job", "spec"),
        ("batch/v1", "CronJob", "spec"),
        ("networking.k8s.io/v1", "NetworkPolicy", "spec"),
        ("networking.k8s.io/v1", "Ingress", "spec"),
        ("rbac.authorization.k8s.io/v1", "Role", "rules"),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "roleRef"),
        ("coordination.k8s.io/v1", "Lease", "spec"),
        ("discovery.k8s.io/v1", "EndpointSlice", "endpoints"),
        ("storage.k8s.io/v1", "StorageClass", "provisioner"),
        ("autoscaling/v2", "HorizontalPodAutoscaler", "spec"),
        ("policy/v1", "PodDisruptionBudget", "spec"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "spec"),
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "webhooks"),
    ];
    for (api_version, kind, member) in cases {
        let schema = Schema::builtin(api_version, kind).unwrap_or_else(|| panic!("{api_version} {kind}"));
        let properties = &schema.open_api()["properties"];
        assert!(properties.get(member).is_some() && properties.get("metadata").is_some(), "{api_version} {kind}");
    }
    assert!(Schema::builtin("example.com/v1", "Thing").is_none());
}

#[test]
fn a_definition_keeps_the_schema_it_carries() {
    let schema = Schema::builtin("apiextensions.k8s.io/v1", "CustomResourceDefinition").expect("built in");
    let carried = json!({"type": "object", "properties": {"spec": {"type": "object", "default": {},
        "x-kubernetes-validations": [{"rule": "true"}], "properties": {"x": {"x-kubernetes-int-or-string": true}}}}});
    let mut object = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"kind": "Thing", "plural": "things"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": carried}}]},
    });
    assert!(schema.prune(&mut object).is_empty());
    schema.apply_defaults(&mut object);
    assert_eq!(object["spec"]["versions"][0]["schema"]["openAPIV3Schema"], carried);
    assert_eq!(findings(&schema, &object, None), Vec::<String>::new());
}

#[test]
fn the_untyped_schema_keeps_everything_but_checks_metadata() {
    let schema = Schema::untyped();
    let mut object = json!({"anything": [{"goes": null}], "metadata": {"labels": {"a": 1}}});
    let before = object.clone();
    assert!(schema.prune(&mut object).is_empty());
    schema.apply_defaults(&mut object);
    assert_eq!(object, before);
    assert_eq!(
        findings(&schema, &object, None),
        [r#"metadata.labels.a: Invalid value: "integer": metadata.labels.a in body must be of type string: "integer""#]
    );
}
