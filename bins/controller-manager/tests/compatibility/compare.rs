//! The exact differences of two values.

use serde_json::Value;

use crate::Case;

/// A place where the two systems differ: what is absent on one side is nothing there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    pub(crate) path: String,
    pub(crate) upstream: Option<Value>,
    pub(crate) ours: Option<Value>,
}

impl Difference {
    /// As `departures.yaml` has it.
    pub(crate) fn shown(&self) -> String {
        let side = |name: &str, value: &Option<Value>| value.as_ref().map(|value| format!(", {name}: {value}"));
        let upstream = side("upstream", &self.upstream).unwrap_or_default();
        format!("{{path: {}{upstream}{}}}", self.path, side("ours", &self.ours).unwrap_or_default())
    }
}

/// Where what is made of a case differs from what is recorded, in the order of paths.
pub(crate) fn differences(case: &Case, actual: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(String::new(), Some(&canonical(case, &case.expected)), Some(&canonical(case, actual)), &mut found);
    found
}

/// With objects of an API in the order of their names, and lists whose order says nothing in that of their items.
fn canonical(case: &Case, value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(objects) = value.as_array_mut()
        && objects.iter().all(|object| object.pointer("/metadata/name").is_some())
    {
        objects.sort_by_key(|object| object["metadata"]["name"].to_string());
    }
    for path in case.unordered.iter().filter(|path| *path != "$") {
        let pointer = format!("/{}", path.replace(['.', '['], "/").replace(']', ""));
        if let Some(list) = value.pointer_mut(&pointer).and_then(Value::as_array_mut) {
            list.sort_by_key(|item| item["name"].to_string());
        }
    }
    value
}

fn compare(path: String, upstream: Option<&Value>, ours: Option<&Value>, found: &mut Vec<Difference>) {
    match (upstream, ours) {
        (Some(Value::Object(upstream)), Some(Value::Object(ours))) => {
            let only_ours = ours.keys().filter(|name| !upstream.contains_key(*name));
            for name in upstream.keys().chain(only_ours) {
                let step = name.replace('~', "~0").replace('/', "~1");
                compare(format!("{path}/{step}"), upstream.get(name), ours.get(name), found);
            }
        }
        (Some(Value::Array(upstream)), Some(Value::Array(ours))) if upstream.len() == ours.len() => {
            for (index, (upstream, ours)) in upstream.iter().zip(ours).enumerate() {
                compare(format!("{path}/{index}"), Some(upstream), Some(ours), found);
            }
        }
        (upstream, ours) if upstream == ours => {}
        (upstream, ours) => found.push(Difference { path, upstream: upstream.cloned(), ours: ours.cloned() }),
    }
}

#[test]
fn every_difference_is_found_on_either_side() {
    let case = |expected: &str| Case {
        id: String::new(),
        family: String::new(),
        is_partial: false,
        unordered: vec!["list".to_owned()],
        input: Value::Null,
        expected: serde_json::from_str(expected).expect("JSON"),
    };
    let cases = [
        (r#"{"a": 1}"#, r#"{"a": 1}"#, ""),
        (r#"{"a": 1}"#, r#"{"a": 2}"#, "{path: /a, upstream: 1, ours: 2}"),
        (r#"{"a": 1}"#, "{}", "{path: /a, upstream: 1}"),
        ("{}", r#"{"a/b": null}"#, "{path: /a~1b, ours: null}"),
        ("[1, 2]", "[1, 3]", "{path: /1, upstream: 2, ours: 3}"),
        ("[1]", "[1, 2]", "{path: , upstream: [1], ours: [1,2]}"),
        (r#"{"list": [{"name": "b"}, {"name": "a"}]}"#, r#"{"list": [{"name": "a"}, {"name": "b"}]}"#, ""),
    ];
    for (upstream, ours, wanted) in cases {
        let ours = serde_json::from_str(ours).expect("JSON");
        let found: Vec<String> = differences(&case(upstream), &ours).iter().map(Difference::shown).collect();
        assert_eq!(found.join(" "), wanted, "{upstream} and {ours}");
    }
}
