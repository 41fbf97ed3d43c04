//! Tables as `kubectl` prints them, from the Table objects of a server or from texts of our own.
//!
//! The server chooses the columns and formats the cells; here they are selected and lined up.

use serde::Deserialize;
use serde_json::Value;

/// Spaces between columns.
const PADDING: usize = 3;

/// A Table object as a server sends it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Table {
    #[serde(default)]
    pub(crate) metadata: ListMeta,
    // Later events of a watch leave them out or send null.
    #[serde(default)]
    column_definitions: Option<Vec<ColumnDefinition>>,
    #[serde(default)]
    rows: Option<Vec<Row>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct ListMeta {
    #[serde(default, rename = "continue")]
    pub(crate) continue_: String,
}

#[derive(Clone, Debug, Deserialize)]
struct ColumnDefinition {
    name: String,
    #[serde(default)]
    priority: i32,
}

#[derive(Clone, Debug, Deserialize)]
struct Row {
    #[serde(default)]
    cells: Vec<Value>,
    #[serde(default)]
    object: Value,
}

impl Table {
    /// Whether there is nothing to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.as_ref().is_none_or(Vec::is_empty)
    }

    /// The resource version of the last object in it.
    pub(crate) fn last_version(&self) -> Option<&str> {
        let row = self.rows.as_ref()?.last()?;
        row.object.pointer("/metadata/resourceVersion").and_then(Value::as_str)
    }

    /// Adds the rows of the next page.
    pub(crate) fn append(&mut self, next: Self) {
        self.rows.get_or_insert_default().extend(next.rows.unwrap_or_default());
        self.metadata = next.metadata;
    }
}

/// Which columns are shown beside those of the server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    /// The columns that the server thinks less important.
    pub(crate) wide: bool,
    /// The namespace, in front.
    pub(crate) namespace: bool,
    /// The headings.
    pub(crate) headings: bool,
    /// What is put before names, such as `project.openchoreo.dev/`.
    pub(crate) name_prefix: String,
}

/// Prints tables one after another with the same columns: headings once, widths never shrinking.
#[derive(Clone, Debug)]
pub(crate) struct TablePrinter {
    columns: Columns,
    definitions: Vec<ColumnDefinition>,
    widths: Vec<usize>,
    headings_are_printed: bool,
}

impl TablePrinter {
    pub(crate) fn new(columns: Columns) -> Self {
        Self { columns, definitions: Vec::new(), widths: Vec::new(), headings_are_printed: false }
    }

    /// The lines of a server's table.
    pub(crate) fn print(&mut self, table: &Table) -> String {
        if let Some(definitions) = table.column_definitions.as_ref().filter(|definitions| !definitions.is_empty()) {
            self.definitions.clone_from(definitions);
        }
        let mut lines = Vec::new();
        if self.columns.headings && !self.headings_are_printed {
            let headings = self.definitions.iter().map(|definition| definition.name.to_uppercase());
            lines.push(self.select(self.columns.namespace.then(|| "NAMESPACE".to_owned()), headings));
            self.headings_are_printed = true;
        }
        for row in table.rows.iter().flatten() {
            let namespace = self.columns.namespace.then(|| {
                row.object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default().to_owned()
            });
            let cells = row.cells.iter().enumerate().map(|(index, cell)| {
                if index == 0 { format!("{}{}", self.columns.name_prefix, text(cell)) } else { text(cell) }
            });
            lines.push(self.select(namespace, cells));
        }
        line_up(&lines, &mut self.widths)
    }

    /// The lines of a table of our own; the first one holds the headings.
    pub(crate) fn plain(lines: &[Vec<String>]) -> String {
        line_up(lines, &mut Vec::new())
    }

    fn select(&self, namespace: Option<String>, cells: impl Iterator<Item = String>) -> Vec<String> {
        let shown = cells
            .zip(&self.definitions)
            .filter_map(|(cell, definition)| (definition.priority == 0 || self.columns.wide).then_some(cell));
        namespace.into_iter().chain(shown).collect()
    }
}

fn line_up(lines: &[Vec<String>], widths: &mut Vec<usize>) -> String {
    for line in lines {
        widths.resize(widths.len().max(line.len()), 0);
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for line in lines {
        let mut gap = 0;
        for (cell, width) in line.iter().zip(widths.iter()) {
            text.extend(std::iter::repeat_n(' ', gap));
            text.push_str(cell);
            gap = width - cell.chars().count() + PADDING;
        }
        text.push('\n');
    }
    text
}

/// A cell on one line. Control characters would let an object's author write to the reader's terminal.
fn text(cell: &Value) -> String {
    let text = match cell {
        Value::Null => "<none>".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table(rows: Value) -> Table {
        serde_json::from_value(json!({
            "kind": "Table",
            "columnDefinitions": [
                {"name": "Name", "type": "string", "priority": 0},
                {"name": "Image", "type": "string", "priority": 1},
                {"name": "Age", "type": "date", "priority": 0},
            ],
            "rows": rows,
        }))
        .unwrap()
    }

    fn row(namespace: &str, cells: Value) -> Value {
        json!({"cells": cells, "object": {"metadata": {"namespace": namespace}}})
    }

    #[test]
    fn columns_are_lined_up_and_less_important_ones_left_out() {
        let table = table(json!([row("a", json!(["web", "x:1", "5m"])), row("b", json!(["frontend", "y:2", null]))]));
        let mut printer = TablePrinter::new(Columns { headings: true, ..Columns::default() });
        assert_eq!(printer.print(&table), "NAME       AGE\nweb        5m\nfrontend   <none>\n");
    }

    #[test]
    fn wide_tables_and_namespaces_are_shown_on_demand() {
        let table = table(json!([row("team", json!(["web", "x:1", "5m"]))]));
        let columns = Columns { wide: true, namespace: true, headings: true, name_prefix: "component/".to_owned() };
        assert_eq!(
            TablePrinter::new(columns).print(&table),
            "NAMESPACE   NAME            IMAGE   AGE\nteam        component/web   x:1     5m\n"
        );
    }

    #[test]
    fn later_tables_have_no_headings_and_keep_the_widths() {
        let mut printer = TablePrinter::new(Columns { headings: true, ..Columns::default() });
        printer.print(&table(json!([row("a", json!(["frontend", "", "5m"]))])));
        let next: Table = serde_json::from_value(json!({"rows": [row("a", json!(["web", "", "6m"]))]})).unwrap();
        assert_eq!(printer.print(&next), "web        6m\n");
    }

    #[test]
    fn cells_cannot_control_the_terminal() {
        let table = table(json!([row("a", json!(["web\u{1b}[31m\n", "", "5m"]))]));
        let text = TablePrinter::new(Columns::default()).print(&table);
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert_eq!(text.lines().count(), 1);
    }
}
