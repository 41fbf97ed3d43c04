//! Label and field selectors: parsed from query text, matched against objects.
//!
//! Field selectors compare text for equality only, as in Kubernetes; which fields a kind offers is the registry's
//! knowledge.

use serde_json::Value;

use crate::value;

/// A condition on one label.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

/// A label selector; the empty one matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LabelSelector(Vec<Requirement>);

impl LabelSelector {
    /// Parses `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        split_outside_parentheses(text)
            .filter(|part| !part.is_empty())
            .map(parse_requirement)
            .collect::<Result<_, _>>()
            .map(Self)
            .map_err(|why| format!("unable to parse requirement: {why}"))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        let label = |key: &str| value::text(object, &["metadata", "labels", key]);
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => label(key).is_some_and(|label| values.iter().any(|value| value == label)),
            Requirement::NotIn(key, values) => label(key).is_none_or(|label| values.iter().all(|value| value != label)),
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::Absent(key) => label(key).is_none(),
        })
    }
}

fn split_outside_parentheses(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    text.split(move |character| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0
    })
    .map(str::trim)
}

fn parse_requirement(text: &str) -> Result<Requirement, String> {
    if let Some(key) = text.strip_prefix('!') {
        return Ok(Requirement::Absent(parse_key(key)?));
    }
    if let Some((head, list)) = text.split_once('(') {
        let list = list.strip_suffix(')').ok_or_else(|| format!("found '{text}', expected: ')'"))?;
        let values = list.split(',').map(parse_value).collect::<Result<Vec<_>, _>>()?;
        let mut words = head.split_whitespace();
        return match (words.next(), words.next(), words.next()) {
            (Some(key), Some("in"), None) => Ok(Requirement::In(parse_key(key)?, values)),
            (Some(key), Some("notin"), None) => Ok(Requirement::NotIn(parse_key(key)?, values)),
            _ => Err(format!("found '{head}', expected: in, notin")),
        };
    }
    if let Some((key, value)) = text.split_once("!=") {
        return Ok(Requirement::NotIn(parse_key(key)?, vec![parse_value(value)?]));
    }
    match text.split_once("==").or_else(|| text.split_once('=')) {
        Some((key, value)) => Ok(Requirement::In(parse_key(key)?, vec![parse_value(value)?])),
        None => Ok(Requirement::Exists(parse_key(text)?)),
    }
}

fn parse_key(text: &str) -> Result<String, String> {
    let key = text.trim();
    if is_qualified_name(key) { Ok(key.to_owned()) } else { Err(format!("invalid label key \"{key}\"")) }
}

fn parse_value(text: &str) -> Result<String, String> {
    let value = text.trim();
    if is_label_value(value) { Ok(value.to_owned()) } else { Err(format!("invalid label value \"{value}\"")) }
}

/// Whether a text may be the key of a label or annotation: `[prefix/]name`.
pub(crate) fn is_qualified_name(text: &str) -> bool {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    let prefix_is_good = prefix.is_none_or(|prefix| {
        !prefix.is_empty() && prefix.len() <= 253 && prefix.split('.').all(crate::lifecycle::names::is_label)
    });
    prefix_is_good && !name.is_empty() && is_label_value(name)
}

/// Whether a text may be the value of a label.
pub(crate) fn is_label_value(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.iter().copied().all(inner)
        && bytes.first().is_none_or(u8::is_ascii_alphanumeric)
        && bytes.last().is_none_or(u8::is_ascii_alphanumeric)
}

/// A field selector; the empty one matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSelector(Vec<FieldRequirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct FieldRequirement {
    path: String,
    value: String,
    equal: bool,
}

impl FieldSelector {
    /// Parses `metadata.name=a,spec.b!=c`, refusing the fields for which `is_offered` says no.
    pub(crate) fn parse(text: &str, is_offered: impl Fn(&str) -> bool) -> Result<Self, String> {
        let requirements = text.split(',').filter(|part| !part.is_empty()).map(|part| {
            let (path, value, equal) = match part.split_once("!=") {
                Some((path, value)) => (path, value, false),
                None => {
                    let (path, value) = part
                        .split_once("==")
                        .or_else(|| part.split_once('='))
                        .ok_or_else(|| format!("invalid selector: '{part}'; can't understand '{part}'"))?;
                    (path, value, true)
                }
            };
            if is_offered(path) {
                Ok(FieldRequirement { path: path.to_owned(), value: value.to_owned(), equal })
            } else {
                Err(format!("field label not supported: {path}"))
            }
        });
        requirements.collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The only name that can match, if the selector says one.
    pub(crate) fn name(&self) -> Option<&str> {
        self.exact("metadata.name")
    }

    /// The only namespace that can match, if the selector says one.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.exact("metadata.namespace")
    }

    fn exact(&self, path: &str) -> Option<&str> {
        self.0.iter().find(|one| one.equal && one.path == path).map(|one| one.value.as_str())
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|one| {
            let found = one.path.split('.').try_fold(object, |value, name| value.get(name));
            let same = match found {
                None | Some(Value::Null) => one.value.is_empty(),
                Some(Value::String(text)) => *text == one.value,
                Some(Value::Bool(_) | Value::Number(_)) => found.map(Value::to_string).as_ref() == Some(&one.value),
                Some(Value::Array(_) | Value::Object(_)) => false,
            };
            same == one.equal
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn label_selectors_match_as_kubernetes_documents_them() {
        let object = json!({"metadata": {"labels": {"app": "shop", "tier": "web", "example.com/a": ""}}});
        let cases = [
            ("", true),
            ("app=shop", true),
            ("app==shop,tier=web", true),
            ("app = shop", true),
            ("app=other", false),
            ("app!=other", true),
            ("missing!=x", true),
            ("app in (shop, other)", true),
            ("app in (other)", false),
            ("app notin (other,shop)", false),
            ("missing notin (a)", true),
            ("tier", true),
            ("!tier", false),
            ("!missing,app in (a,shop),tier", true),
            ("example.com/a=", true),
        ];
        for (text, expected) in cases {
            assert_eq!(LabelSelector::parse(text).unwrap().matches(&object), expected, "{text}");
        }
        for text in ["app in shop)", "app around (shop)", "-bad=x", "app=-", "a/b/c=d", "app in (a"] {
            assert!(LabelSelector::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn field_selectors_compare_offered_fields() {
        let object = json!({"metadata": {"name": "x"}, "spec": {"replicas": 2, "paused": true}});
        let offered = |path: &str| path != "spec.secret";
        let cases = [
            ("metadata.name=x", true),
            ("metadata.name==x,spec.replicas=2", true),
            ("metadata.name!=x", false),
            ("spec.paused=true", true),
            ("spec.nodeName=", true),
            ("spec.nodeName!=", false),
        ];
        for (text, expected) in cases {
            assert_eq!(FieldSelector::parse(text, offered).unwrap().matches(&object), expected, "{text}");
        }
        assert!(FieldSelector::parse("spec.secret=1", offered).is_err());
        assert!(FieldSelector::parse("nonsense", offered).is_err());
        assert_eq!(FieldSelector::parse("metadata.name=x", offered).unwrap().name(), Some("x"));
    }
}
