//! The patch formats.

use openchoreo_embedded::patch::{PatchError, json_patch, merge_patch, strategic_merge_patch};
use openchoreo_embedded::schema::Schema;
use serde_json::{Value, json};

#[test]
fn merge_patches_follow_their_standard() {
    // The examples of RFC 7396, appendix A.
    let cases = [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({"a": "b"}), json!(["c"]), json!(["c"])),
        (json!({"a": "foo"}), json!(null), json!(null)),
        (json!({"a": "foo"}), json!("bar"), json!("bar")),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
    ];
    for (object, patch, expected) in cases {
        assert_eq!(merge_patch(&object, &patch), expected, "{object} {patch}");
    }
}

#[test]
fn json_patches_apply_whole_or_not_at_all() {
    let object = json!({"metadata": {"name": "a"}, "list": [1, 2]});
    let cases: [(Value, Option<Value>); 8] = [
        (
            json!([{"op": "add", "path": "/list/-", "value": 3}]),
            Some(json!({"metadata": {"name": "a"}, "list": [1, 2, 3]})),
        ),
        (json!([{"op": "test", "path": "/metadata/finalizers", "value": null}]), Some(object.clone())),
        (json!([{"op": "test", "path": "/absent/deep", "value": null}]), Some(object.clone())),
        (json!([{"op": "test", "path": "/metadata/name", "value": null}]), None),
        (json!([{"op": "test", "path": "/metadata/finalizers", "value": "x"}]), None),
        (json!([{"op": "remove", "path": "/absent"}]), None),
        (
            json!([{"op": "remove", "path": "/list"}, {"op": "test", "path": "/list", "value": null}]),
            Some(json!({"metadata": {"name": "a"}})),
        ),
        (json!([{"op": "remove", "path": "/list"}, {"op": "replace", "path": "/none", "value": 1}]), None),
    ];
    for (patch, expected) in cases {
        assert_eq!(json_patch(&object, &patch).ok(), expected, "{patch}");
    }
    assert!(matches!(json_patch(&object, &json!({"op": "add"})), Err(PatchError::Malformed(_))));
    assert!(matches!(
        json_patch(&object, &json!([{"op": "remove", "path": "/absent"}])),
        Err(PatchError::DoesNotApply(_))
    ));
}

/// Patches the pod spec of a deployment.
fn patched_pod_spec(spec: &Value, patch: &Value) -> Result<Value, PatchError> {
    let schema = Schema::builtin("apps/v1", "Deployment").expect("built in");
    let wrap = |spec: &Value| json!({"spec": {"template": {"spec": spec}}});
    strategic_merge_patch(&schema, &wrap(spec), &wrap(patch))
        .map(|object| object.pointer("/spec/template/spec").cloned().unwrap_or_default())
}

#[test]
fn strategic_patches_merge_lists_by_their_keys() {
    let cases = [
        // An item merges with the one of its name; the order of the rest stays.
        (
            json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]}),
            json!({"containers": [{"name": "b", "image": "3"}]}),
            json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "3"}]}),
        ),
        // A new item without a declared order precedes what only the server has.
        (
            json!({"containers": [{"name": "a"}]}),
            json!({"containers": [{"name": "c"}]}),
            json!({"containers": [{"name": "c"}, {"name": "a"}]}),
        ),
        (
            json!({"containers": [{"name": "a"}, {"name": "b"}]}),
            json!({"containers": [{"name": "a", "$patch": "delete"}]}),
            json!({"containers": [{"name": "b"}]}),
        ),
        (
            json!({"containers": [{"name": "a"}, {"name": "b"}]}),
            json!({"containers": [{"name": "c"}, {"$patch": "replace"}]}),
            json!({"containers": [{"name": "c"}]}),
        ),
        // Atomic lists and scalars replace; null removes.
        (
            json!({"tolerations": [{"key": "a"}], "hostNetwork": true, "nodeName": "n"}),
            json!({"tolerations": [{"key": "b"}], "hostNetwork": null, "nodeName": "m"}),
            json!({"tolerations": [{"key": "b"}], "nodeName": "m"}),
        ),
        // Maps merge unless told otherwise.
        (
            json!({"nodeSelector": {"a": "1"}, "securityContext": {"runAsUser": 1}}),
            json!({"nodeSelector": {"b": "2"}, "securityContext": {"$patch": "replace", "runAsGroup": 2}}),
            json!({"nodeSelector": {"a": "1", "b": "2"}, "securityContext": {"runAsGroup": 2}}),
        ),
        (
            json!({"securityContext": {"runAsUser": 1}}),
            json!({"securityContext": {"$patch": "delete"}}),
            json!({"securityContext": {}}),
        ),
        // Members not retained go, so that one kind of volume gives way to another.
        (
            json!({"volumes": [{"name": "v", "emptyDir": {}}]}),
            json!({"volumes": [{"name": "v", "$retainKeys": ["name", "secret"], "secret": {"secretName": "s"}}]}),
            json!({"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}),
        ),
        (
            json!({"containers": [{"name": "a"}, {"name": "b"}, {"name": "x"}]}),
            json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "c"}, {"name": "a"}],
                "containers": [{"name": "c"}]}),
            json!({"containers": [{"name": "b"}, {"name": "c"}, {"name": "a"}, {"name": "x"}]}),
        ),
        (
            json!({"containers": [{"name": "a", "env": [{"name": "K", "value": "1"}, {"name": "L", "value": "2"}],
                                "ports": [{"containerPort": 80}]}]}),
            json!({"containers": [{"name": "a", "env": [{"name": "L", "value": "3"}],
                                "ports": [{"containerPort": 80, "name": "http"}]}]}),
            json!({"containers": [{"name": "a", "env": [{"name": "K", "value": "1"}, {"name": "L", "value": "3"}],
                                "ports": [{"containerPort": 80, "name": "http"}]}]}),
        ),
    ];
    for (spec, patch, expected) in cases {
        assert_eq!(patched_pod_spec(&spec, &patch), Ok(expected), "{spec} {patch}");
    }
}

#[test]
fn strategic_patches_merge_lists_of_scalars() {
    let schema = Schema::builtin("v1", "ConfigMap").expect("built in");
    let finalizers = |names: Value| json!({"metadata": {"finalizers": names}});
    let cases = [
        (json!(["a"]), finalizers(json!(["b"])), json!(["b", "a"])),
        (json!(["a", "b"]), finalizers(json!(["b"])), json!(["a", "b"])),
        (json!(["a", "b"]), json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}), json!(["b"])),
        (
            json!(["a"]),
            json!({"metadata": {"$setElementOrder/finalizers": ["a", "c"], "finalizers": ["c"]}}),
            json!(["a", "c"]),
        ),
    ];
    for (live, patch, expected) in cases {
        let patched = strategic_merge_patch(&schema, &finalizers(live.clone()), &patch).expect("applies");
        assert_eq!(patched, finalizers(expected), "{live} {patch}");
    }
}

#[test]
fn malformed_strategic_patches_are_refused() {
    let spec = json!({"containers": [{"name": "a"}]});
    for patch in [
        json!({"containers": [{"image": "x"}]}),
        json!({"containers": ["a"]}),
        json!({"containers": [{"name": "a", "$patch": "explode"}]}),
        json!({"$retainKeys": "containers"}),
    ] {
        assert!(matches!(patched_pod_spec(&spec, &patch), Err(PatchError::Malformed(_))), "{patch}");
    }
}

#[test]
fn services_merge_ports_by_number() {
    let schema = Schema::builtin("v1", "Service").expect("built in");
    let live = json!({"spec": {"ports": [{"port": 80, "name": "http"}, {"port": 443, "name": "https"}]}});
    let patch = json!({"spec": {"ports": [{"port": 443, "targetPort": 8443}]}});
    assert_eq!(
        strategic_merge_patch(&schema, &live, &patch),
        Ok(
            json!({"spec": {"ports": [{"port": 80, "name": "http"}, {"port": 443, "name": "https", "targetPort": 8443}]}})
        )
    );
}
