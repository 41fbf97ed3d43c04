//! Tables (`meta.k8s.io/v1`): what `kubectl get` prints.
//!
//! Custom resources print the columns their definition declares; built-in kinds have printers of their own in
//! `printers`; everything else prints its name and age. Ages are counted to an instant the caller gives.

mod age;
pub mod jsonpath;
mod printers;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use jsonpath::JsonPath;

/// A column that a custom resource definition declares (`additionalPrinterColumns`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PrinterColumn {
    /// The heading.
    pub name: String,
    /// The type of its cells: `string`, `integer`, `number`, `boolean` or `date`.
    pub r#type: String,
    /// An OpenAPI format that refines the type.
    pub format: String,
    /// What the column says.
    pub description: String,
    /// Columns above zero show in wide output only.
    pub priority: i32,
    /// Where in the object the value is.
    pub json_path: String,
}

/// What each row carries of its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IncludeObject {
    /// Nothing.
    None,
    /// Its metadata, as a `PartialObjectMetadata`.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

/// What a table depends on beside its objects.
#[derive(Debug, Clone, Copy)]
pub struct TableContext<'a> {
    /// The instant that ages are counted to.
    pub now: Timestamp,
    /// The columns a definition declares; `None` for built-in kinds.
    pub columns: Option<&'a [PrinterColumn]>,
    /// What each row carries of its object.
    pub include_object: IncludeObject,
}

/// The heading of one column.
#[derive(Debug, Clone, Copy)]
struct Column<'a> {
    name: &'a str,
    r#type: &'a str,
    format: &'a str,
    description: &'a str,
    priority: i32,
}

impl Column<'_> {
    fn definition(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.r#type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        })
    }
}

const NAME: Column<'static> =
    Column { name: "Name", r#type: "string", format: "name", description: "The name of the object", priority: 0 };
const AGE: Column<'static> = Column {
    name: "Age",
    r#type: "string",
    format: "",
    description: "The time since the object was created",
    priority: 0,
};

/// Renders objects of one kind as a table. `list_meta` becomes the table's metadata.
pub fn table(api_version: &str, kind: &str, objects: &[&Value], list_meta: Value, cx: &TableContext<'_>) -> Value {
    let (definitions, cells): (Vec<Value>, Vec<Vec<Value>>) = match cx.columns {
        Some(columns) if !columns.is_empty() => declared(columns, objects, cx.now),
        Some(_) => plain(objects, cx.now),
        None => match printers::of(api_version, kind) {
            Some(printer) => (
                printer.columns.iter().map(Column::definition).collect(),
                objects.iter().map(|object| (printer.cells)(object, cx.now)).collect(),
            ),
            None => plain(objects, cx.now),
        },
    };
    let rows: Vec<_> = objects.iter().zip(cells).map(|(object, cells)| row(object, cells, cx.include_object)).collect();
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_meta,
        "columnDefinitions": definitions,
        "rows": rows,
    })
}

fn row(object: &Value, cells: Vec<Value>, include: IncludeObject) -> Value {
    let mut row = Map::new();
    row.insert("cells".to_owned(), Value::Array(cells));
    let carried = match include {
        IncludeObject::None => None,
        IncludeObject::Metadata => Some(json!({
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": object.get("metadata"),
        })),
        IncludeObject::Object => Some(object.clone()),
    };
    row.extend(carried.map(|object| ("object".to_owned(), object)));
    Value::Object(row)
}

fn name(object: &Value) -> Value {
    object.pointer("/metadata/name").cloned().unwrap_or_else(|| json!(""))
}

fn created(object: &Value, now: Timestamp) -> Value {
    Value::String(age::since(object.pointer("/metadata/creationTimestamp"), now))
}

/// Name and age.
fn plain(objects: &[&Value], now: Timestamp) -> (Vec<Value>, Vec<Vec<Value>>) {
    let rows = objects.iter().map(|object| vec![name(object), created(object, now)]).collect();
    (vec![NAME.definition(), AGE.definition()], rows)
}

/// The columns a definition declares, after the name.
fn declared(columns: &[PrinterColumn], objects: &[&Value], now: Timestamp) -> (Vec<Value>, Vec<Vec<Value>>) {
    let mut definitions = vec![NAME.definition()];
    definitions.extend(columns.iter().map(|column| {
        Column {
            name: &column.name,
            r#type: &column.r#type,
            format: &column.format,
            description: &column.description,
            priority: column.priority,
        }
        .definition()
    }));
    let paths: Vec<_> = columns.iter().map(|column| JsonPath::parse(&column.json_path).ok()).collect();
    let rows = objects.iter().map(|object| {
        let mut cells = vec![name(object)];
        cells.extend(columns.iter().zip(&paths).map(|(column, path)| {
            let found = path.as_ref().map(|path| path.find(object)).unwrap_or_default();
            cell(&column.r#type, &found, now)
        }));
        cells
    });
    (definitions, rows.collect())
}

/// The cell for what a path leads to; `null` when it leads nowhere or to a value of another type.
fn cell(r#type: &str, found: &[&Value], now: Timestamp) -> Value {
    let Some(first) = found.first().copied().filter(|value| !value.is_null()) else { return Value::Null };
    match r#type {
        "integer" => match first {
            Value::Number(number) => {
                number.as_i64().or_else(|| number.as_f64().map(whole)).map_or(Value::Null, Value::from)
            }
            _ => Value::Null,
        },
        "number" => {
            if first.is_number() {
                first.clone()
            } else {
                Value::Null
            }
        }
        "boolean" => {
            if first.is_boolean() {
                first.clone()
            } else {
                Value::Null
            }
        }
        "date" => Value::String(age::since(Some(first), now)),
        _ => {
            let texts = found.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            Value::String(texts.collect::<Vec<_>>().join(" "))
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a cell shows the whole part; out of range saturates")]
fn whole(number: f64) -> i64 {
    number as i64
}
