//! `get`: shows objects, in the form that the server chooses for tables or as they are.

mod watch;

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::args::{GetArgs, OutputFormat};
use crate::cluster::{Cluster, Form, Kind, encode};
use crate::error::CliError;
use crate::io::Io;
use crate::output::{Columns, Table, TablePrinter, to_json, to_yaml, without_managed_fields};

/// Objects a request.
const PAGE: usize = 500;

pub(crate) async fn run(args: GetArgs, cluster: &mut Cluster, io: &mut Io) -> Result<ExitCode, CliError> {
    let query = Query::parse(&args, cluster).await?;
    if args.watch {
        return watch::run(&args, &query, cluster, io).await;
    }
    match args.output {
        None | Some(OutputFormat::Wide) => tables(&args, &query, cluster, io).await?,
        Some(format) => objects(format, &query, cluster, io).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What to show.
#[derive(Clone, Debug)]
struct Query {
    kinds: Vec<Kind>,
    names: Vec<String>,
    /// None for all namespaces.
    namespace: Option<String>,
    selector: Option<String>,
}

impl Query {
    async fn parse(args: &GetArgs, cluster: &mut Cluster) -> Result<Self, CliError> {
        let (kinds, own_name) = match args.kind.split_once('/') {
            Some((kind, name)) => (kind, Some(name.to_owned())),
            None => (args.kind.as_str(), None),
        };
        let names: Vec<String> = own_name.into_iter().chain(args.names.iter().cloned()).collect();
        let mut resolved = Vec::new();
        for name in kinds.split(',').filter(|name| !name.is_empty()) {
            resolved.push(cluster.kind_called(name).await?);
        }
        if resolved.is_empty() {
            return Err(CliError::usage("no kind given", "write for example `choreoctl get components`"));
        }
        if !names.is_empty() {
            if args.all_namespaces {
                return Err(CliError::usage("a name is unique in its namespace only", "leave out `-A` or the name"));
            }
            if args.selector.is_some() {
                return Err(CliError::usage("names and a selector cannot be combined", "leave out one of them"));
            }
            if resolved.len() > 1 {
                return Err(CliError::usage("names belong to one kind", "ask for one kind at a time"));
            }
        }
        let namespace = (!args.all_namespaces).then(|| cluster.namespace().to_owned());
        Ok(Self { kinds: resolved, names, namespace, selector: args.selector.clone() })
    }

    fn path(&self, kind: &Kind, name: Option<&str>, continue_: &str) -> String {
        let mut path = kind.path(self.namespace.as_deref(), name);
        if name.is_some() {
            return path;
        }
        path.push_str(&format!("?limit={PAGE}"));
        if let Some(selector) = &self.selector {
            path.push_str(&format!("&labelSelector={}", encode(selector)));
        }
        if !continue_.is_empty() {
            path.push_str(&format!("&continue={}", encode(continue_)));
        }
        path
    }

    fn act(&self, kind: &Kind) -> String {
        match self.namespace.as_deref().filter(|_| kind.namespaced) {
            Some(namespace) => format!("get {} in namespace `{namespace}`", kind.plural),
            None => format!("get {}", kind.plural),
        }
    }

    /// One object in the wanted form.
    async fn one(&self, kind: &Kind, name: &str, form: Form, cluster: &Cluster) -> Result<Value, CliError> {
        match cluster.read(&self.path(kind, Some(name), ""), form).await {
            Ok(answer) => Ok(answer),
            Err(source) => match cluster.error(self.act(kind), kind, source) {
                CliError::Refused { .. } if !self.exists(kind, name, cluster).await? => {
                    Err(cluster.not_found(kind, name, self.namespace.as_deref()).await)
                }
                error => Err(error),
            },
        }
    }

    async fn exists(&self, kind: &Kind, name: &str, cluster: &Cluster) -> Result<bool, CliError> {
        match cluster.objects(kind, self.namespace.as_deref()).get_metadata_opt(name).await {
            Ok(found) => Ok(found.is_some()),
            // It may exist: then the first answer is the one to tell.
            Err(_) => Ok(true),
        }
    }

    /// All pages of a kind as one table.
    async fn table(&self, kind: &Kind, cluster: &Cluster) -> Result<Table, CliError> {
        let mut table: Option<Table> = None;
        let mut continue_ = String::new();
        loop {
            let page = self.page(kind, &continue_, Form::Table, cluster).await?;
            let page = decode_table(kind, page)?;
            continue_.clone_from(&page.metadata.continue_);
            match &mut table {
                Some(table) => table.append(page),
                None => table = Some(page),
            }
            if continue_.is_empty() {
                return Ok(table.unwrap_or_default());
            }
        }
    }

    /// All objects of a kind, each with its kind written in it.
    async fn list(&self, kind: &Kind, cluster: &Cluster) -> Result<Vec<Value>, CliError> {
        let mut objects = Vec::new();
        let mut continue_ = String::new();
        loop {
            let mut page = self.page(kind, &continue_, Form::Objects, cluster).await?;
            if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
                objects.extend(items.into_iter().map(|item| with_kind(item, kind)));
            }
            match page.pointer("/metadata/continue").and_then(Value::as_str) {
                Some(next) if !next.is_empty() => continue_ = next.to_owned(),
                _ => return Ok(objects),
            }
        }
    }

    async fn page(&self, kind: &Kind, continue_: &str, form: Form, cluster: &Cluster) -> Result<Value, CliError> {
        let path = self.path(kind, None, continue_);
        cluster.read(&path, form).await.map_err(|source| cluster.error(self.act(kind), kind, source))
    }

    fn columns(&self, args: &GetArgs, kind: &Kind) -> Columns {
        Columns {
            wide: args.output == Some(OutputFormat::Wide),
            namespace: args.all_namespaces && kind.namespaced,
            headings: !args.no_headers,
            name_prefix: if self.kinds.len() > 1 { format!("{}/", kind.printed()) } else { String::new() },
        }
    }

    fn nothing_found(&self) -> String {
        match self.namespace.as_deref().filter(|_| self.kinds.iter().any(|kind| kind.namespaced)) {
            Some(namespace) => format!("No resources found in {namespace} namespace."),
            None => "No resources found".to_owned(),
        }
    }
}

async fn tables(args: &GetArgs, query: &Query, cluster: &Cluster, io: &mut Io) -> Result<(), CliError> {
    let mut is_empty = true;
    for kind in &query.kinds {
        let mut table = Table::default();
        if query.names.is_empty() {
            table = query.table(kind, cluster).await?;
        } else {
            for (index, name) in query.names.iter().enumerate() {
                let next = decode_table(kind, query.one(kind, name, Form::Table, cluster).await?)?;
                if index == 0 { table = next } else { table.append(next) }
            }
        }
        if !table.is_empty() {
            if !is_empty {
                io.line("")?;
            }
            is_empty = false;
            io.data(&TablePrinter::new(query.columns(args, kind)).print(&table))?;
        }
    }
    if is_empty { io.note(&query.nothing_found()) } else { Ok(()) }
}

async fn objects(format: OutputFormat, query: &Query, cluster: &Cluster, io: &mut Io) -> Result<(), CliError> {
    let mut found = Vec::new();
    for kind in &query.kinds {
        if query.names.is_empty() {
            found.extend(query.list(kind, cluster).await?);
        } else {
            for name in &query.names {
                found.push(query.one(kind, name, Form::Objects, cluster).await?);
            }
        }
    }
    if format == OutputFormat::Name {
        for object in &found {
            print_object(format, object.clone(), &query.kinds, io)?;
        }
        return Ok(());
    }
    let answer = match (query.names.len(), found.pop()) {
        (1, Some(object)) => without_managed_fields(object),
        (_, last) => {
            found.extend(last);
            let items: Vec<Value> = found.into_iter().map(without_managed_fields).collect();
            json!({"apiVersion": "v1", "kind": "List", "items": items})
        }
    };
    print_object(format, answer, &query.kinds, io)
}

/// Prints an object or a list in a form that is no table.
fn print_object(format: OutputFormat, object: Value, kinds: &[Kind], io: &mut Io) -> Result<(), CliError> {
    match format {
        OutputFormat::Yaml => io.data(&to_yaml(&object)?),
        OutputFormat::Json => io.data(&to_json(&object)?),
        OutputFormat::Name | OutputFormat::Wide => {
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let kind = kinds.iter().find(|kind| kind.kind == text("/kind")).or(kinds.first());
            io.line(&format!("{}/{}", kind.map(Kind::printed).unwrap_or_default(), text("/metadata/name")))
        }
    }
}

/// Items of a list do not say what they are.
fn with_kind(mut object: Value, kind: &Kind) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert("apiVersion".to_owned(), Value::String(kind.api_version()));
        fields.insert("kind".to_owned(), Value::String(kind.kind.clone()));
    }
    object
}

fn decode_table(kind: &Kind, answer: Value) -> Result<Table, CliError> {
    serde_json::from_value(answer)
        .map_err(|source| CliError::Decode { object: format!("the table of {}", kind.plural), source })
}
