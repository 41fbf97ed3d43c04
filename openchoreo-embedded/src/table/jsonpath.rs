//! JSONPath as Kubernetes understands it, for printer columns and selectable fields.
//!
//! Supported: dotted names with `\.` escapes, `['name']`, indices from either end, slices, `*`, `..`, unions, and
//! filters that compare one path with one literal or ask whether it exists. Templates (text around braces, `range`)
//! are not: they belong to clients.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::str::Chars;

use serde_json::Value;

/// Why an expression was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("JSONPath `{expression}`: {detail}")]
pub struct JsonPathError {
    /// The expression.
    pub expression: String,
    /// What is wrong with it.
    pub detail: String,
}

/// A parsed expression.
///
/// ```
/// use openchoreo_embedded::table::jsonpath::JsonPath;
/// use serde_json::json;
///
/// let path = JsonPath::parse(".status.conditions[?(@.type=='Ready')].status")?;
/// let object = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
/// assert_eq!(path.find(&object), [&json!("True")]);
/// # Ok::<(), openchoreo_embedded::table::jsonpath::JsonPathError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Name(String),
    Index(i64),
    Slice { start: Option<i64>, end: Option<i64>, step: usize },
    All,
    Descend,
    Union(Vec<Self>),
    Filter { path: JsonPath, comparison: Option<(Operator, Value)> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl JsonPath {
    /// Parses an expression, with or without braces around it and `$` or a dot in front.
    ///
    /// # Errors
    ///
    /// When the expression is not a path in the supported notation.
    pub fn parse(expression: &str) -> Result<Self, JsonPathError> {
        let inner = expression.trim();
        let inner = inner.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')).unwrap_or(inner);
        let inner = inner.strip_prefix(['$', '@']).unwrap_or(inner);
        let mut parser = Parser { rest: inner.chars().peekable() };
        parser.path().map_err(|detail| JsonPathError { expression: expression.to_owned(), detail })
    }

    /// All values the path leads to, in order.
    pub fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        self.steps
            .iter()
            .fold(vec![value], |values, step| values.into_iter().flat_map(|value| step.find(value)).collect())
    }
}

impl Step {
    fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self {
            Self::Name(name) => value.get(name).into_iter().collect(),
            Self::Index(index) => {
                let Some(items) = value.as_array() else { return Vec::new() };
                items.get(resolve(*index, items.len())).into_iter().collect()
            }
            Self::Slice { start, end, step } => {
                let Some(items) = value.as_array() else { return Vec::new() };
                let start = start.map_or(0, |start| resolve(start, items.len()));
                let end = end.map_or(items.len(), |end| resolve(end, items.len())).min(items.len());
                items.get(start..end.max(start)).unwrap_or_default().iter().step_by(*step).collect()
            }
            Self::All => children(value),
            Self::Descend => {
                let mut found = vec![value];
                found.extend(children(value).into_iter().flat_map(|child| Self::Descend.find(child)));
                found
            }
            Self::Union(steps) => steps.iter().flat_map(|step| step.find(value)).collect(),
            Self::Filter { path, comparison } => children(value)
                .into_iter()
                .filter(|candidate| {
                    let found = path.find(candidate);
                    match comparison {
                        None => !found.is_empty(),
                        Some((operator, literal)) => found.iter().any(|value| operator.holds(value, literal)),
                    }
                })
                .collect(),
        }
    }
}

impl Operator {
    fn holds(self, value: &Value, literal: &Value) -> bool {
        let order = match (value, literal) {
            (Value::String(value), Value::String(literal)) => Some(value.cmp(literal)),
            (Value::Number(value), Value::Number(literal)) => {
                value.as_f64().zip(literal.as_f64()).and_then(|(value, literal)| value.partial_cmp(&literal))
            }
            (value, literal) => (value == literal).then_some(Ordering::Equal),
        };
        match self {
            Self::Equal => order == Some(Ordering::Equal),
            Self::NotEqual => order != Some(Ordering::Equal),
            Self::Less => order == Some(Ordering::Less),
            Self::LessOrEqual => order.is_some_and(Ordering::is_le),
            Self::Greater => order == Some(Ordering::Greater),
            Self::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
        }
    }
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.values().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// An index that may count from the end. Out of range stays out of range.
fn resolve(index: i64, length: usize) -> usize {
    match usize::try_from(index) {
        Ok(index) => index,
        Err(_) => {
            usize::try_from(index.unsigned_abs()).ok().and_then(|back| length.checked_sub(back)).unwrap_or(usize::MAX)
        }
    }
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
}

impl Parser<'_> {
    fn path(&mut self) -> Result<JsonPath, String> {
        let mut steps = Vec::new();
        while let Some(next) = self.rest.peek().copied() {
            match next {
                '.' => {
                    self.rest.next();
                    if self.rest.next_if_eq(&'.').is_some() {
                        if self.rest.peek().is_none() {
                            return Err("a name is missing after `..`".to_owned());
                        }
                        steps.push(Step::Descend);
                    }
                    if self.rest.peek().is_some_and(|next| *next != '[') {
                        steps.push(self.name()?);
                    }
                }
                '[' => {
                    self.rest.next();
                    steps.push(self.bracket()?);
                }
                _ => steps.push(self.name()?),
            }
        }
        Ok(JsonPath { steps })
    }

    fn name(&mut self) -> Result<Step, String> {
        let mut name = String::new();
        while let Some(next) = self.rest.next_if(|next| !matches!(next, '.' | '[')) {
            match next {
                '\\' => name.extend(self.rest.next()),
                ']' | '{' | '}' | '(' | ')' => return Err(format!("unexpected `{next}`")),
                _ => name.push(next),
            }
        }
        match name.as_str() {
            "" => Err("a name is missing after a dot".to_owned()),
            "*" => Ok(Step::All),
            _ => Ok(Step::Name(name)),
        }
    }

    /// What stands between brackets, of which the first is already read.
    fn bracket(&mut self) -> Result<Step, String> {
        let mut text = String::new();
        let mut quote = None;
        let mut depth = 1;
        loop {
            let Some(next) = self.rest.next() else { return Err("a bracket is not closed".to_owned()) };
            match (quote, next) {
                (Some(_), '\\') => {
                    text.push(next);
                    text.extend(self.rest.next());
                    continue;
                }
                (Some(open), _) if open == next => quote = None,
                (None, '\'' | '"') => quote = Some(next),
                (None, '[') => depth += 1,
                (None, ']') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            text.push(next);
        }
        let text = text.trim();
        if let Some(filter) = text.strip_prefix("?(").and_then(|text| text.strip_suffix(')')) {
            return filter_step(filter);
        }
        let parts = split_outside_quotes(text, ',');
        match parts.as_slice() {
            [part] => subscript(part),
            parts => parts.iter().map(|part| subscript(part)).collect::<Result<_, _>>().map(Step::Union),
        }
    }
}

fn subscript(text: &str) -> Result<Step, String> {
    let text = text.trim();
    if text == "*" {
        return Ok(Step::All);
    }
    if let Some(name) = unquoted(text) {
        return Ok(Step::Name(name));
    }
    let number = |text: &str| match text.trim() {
        "" => Ok(None),
        text => text.parse::<i64>().map(Some).map_err(|_| format!("`{text}` is not an index")),
    };
    let parts: Vec<_> = text.split(':').collect();
    match parts.as_slice() {
        [index] => number(index)?.map(Step::Index).ok_or_else(|| "a subscript is empty".to_owned()),
        [start, end] => Ok(Step::Slice { start: number(start)?, end: number(end)?, step: 1 }),
        [start, end, step] => {
            let step = number(step)?.unwrap_or(1);
            let step = usize::try_from(step).ok().filter(|step| *step > 0).ok_or("a step must be above zero")?;
            Ok(Step::Slice { start: number(start)?, end: number(end)?, step })
        }
        _ => Err(format!("`{text}` is not a subscript")),
    }
}

fn filter_step(text: &str) -> Result<Step, String> {
    const OPERATORS: [(&str, Operator); 6] = [
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ];
    let path = |text: &str| JsonPath::parse(text).map_err(|cause| cause.detail);
    let found = OPERATORS
        .iter()
        .filter_map(|(sign, operator)| position_outside_quotes(text, sign).map(|position| (position, *sign, *operator)))
        .min_by_key(|(position, sign, _)| (*position, std::cmp::Reverse(sign.len())));
    let Some((position, sign, operator)) = found else {
        return Ok(Step::Filter { path: path(text)?, comparison: None });
    };
    let (left, right) = text.split_at(position);
    let right = right.strip_prefix(sign).unwrap_or(right).trim();
    let literal = match unquoted(right) {
        Some(text) => Value::String(text),
        None => serde_json::from_str(right).map_err(|_| format!("`{right}` is not a literal"))?,
    };
    Ok(Step::Filter { path: path(left)?, comparison: Some((operator, literal)) })
}

/// The content of a quoted text with its escapes undone, `None` when it is not quoted.
fn unquoted(text: &str) -> Option<String> {
    let inner = ['\'', '"'].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))?;
    let mut result = String::new();
    let mut characters = inner.chars();
    while let Some(next) = characters.next() {
        if next == '\\' { result.extend(characters.next()) } else { result.push(next) }
    }
    Some(result)
}

fn position_outside_quotes(text: &str, sign: &str) -> Option<usize> {
    let mut quote = None;
    for (position, next) in text.char_indices() {
        match quote {
            Some(open) if open == next => quote = None,
            Some(_) => {}
            None if matches!(next, '\'' | '"') => quote = Some(next),
            None if text.get(position..).is_some_and(|rest| rest.starts_with(sign)) => return Some(position),
            None => {}
        }
    }
    None
}

fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    let sign = separator.to_string();
    while let Some(position) = position_outside_quotes(rest, &sign) {
        let (part, after) = rest.split_at(position);
        parts.push(part);
        rest = after.strip_prefix(separator).unwrap_or_default();
    }
    parts.push(rest);
    parts
}
