//! `get --watch`: what is there, then every change, until somebody interrupts.
//!
//! A server ends every watch after some minutes; it is taken up again where it ended. When the server no longer knows
//! that point, everything is listed again.

use std::process::ExitCode;

use futures::StreamExt;
use serde_json::Value;

use super::{Query, decode_table, print_object, with_kind};
use crate::args::{GetArgs, OutputFormat};
use crate::cluster::{Cluster, Form, Kind, encode};
use crate::error::CliError;
use crate::io::Io;
use crate::output::{TablePrinter, without_managed_fields};

/// The server has forgotten the point to continue from.
const GONE: u64 = 410;

pub(super) async fn run(args: &GetArgs, query: &Query, cluster: &Cluster, io: &mut Io) -> Result<ExitCode, CliError> {
    let [kind] = query.kinds.as_slice() else {
        return Err(CliError::usage("only one kind can be watched", "leave out `--watch` or the other kinds"));
    };
    if query.names.len() > 1 {
        return Err(CliError::usage("only one name can be watched", "leave out `--watch` or the other names"));
    }
    let mut watch = Watch { query, kind, cluster, printer: TablePrinter::new(query.columns(args, kind)) };
    let format = args.output.filter(|format| *format != OutputFormat::Wide);
    loop {
        let mut version = watch.list(format, io).await?;
        while let Some(next) = watch.follow(format, &version, io).await? {
            version = next;
        }
    }
}

struct Watch<'a> {
    query: &'a Query,
    kind: &'a Kind,
    cluster: &'a Cluster,
    printer: TablePrinter,
}

impl Watch<'_> {
    /// Prints what is there; returns the version to watch from.
    async fn list(&mut self, format: Option<OutputFormat>, io: &mut Io) -> Result<String, CliError> {
        if let Some(name) = self.query.names.first() {
            // For the error about an object that does not exist.
            self.query.one(self.kind, name, Form::Objects, self.cluster).await?;
        }
        let path = self.path("");
        let form = if format.is_some() { Form::Objects } else { Form::Table };
        let answer = self.cluster.read(&path, form).await.map_err(|source| self.error(source))?;
        let version =
            answer.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
        match (format, answer) {
            (None, answer) => {
                let table = decode_table(self.kind, answer)?;
                if !table.is_empty() {
                    io.data(&self.printer.print(&table))?;
                }
            }
            (Some(format), mut answer) => {
                if let Some(Value::Array(items)) = answer.get_mut("items").map(Value::take) {
                    for item in items {
                        self.print(format, with_kind(item, self.kind), io)?;
                    }
                }
            }
        }
        Ok(version)
    }

    /// Prints changes until the server ends the watch. Returns the version to continue from; none when the server has
    /// forgotten it.
    async fn follow(
        &mut self,
        format: Option<OutputFormat>,
        version: &str,
        io: &mut Io,
    ) -> Result<Option<String>, CliError> {
        let form = if format.is_some() { Form::Objects } else { Form::Table };
        let path = self.path(&format!("&watch=true&allowWatchBookmarks=true&resourceVersion={}", encode(version)));
        let mut events = match self.cluster.watch(&path, form).await {
            Ok(events) => events,
            Err(kube::Error::Api(status)) if u64::from(status.code) == GONE => return Ok(None),
            Err(source) => return Err(self.error(source)),
        };
        let mut version = version.to_owned();
        while let Some(event) = events.next().await {
            // A connection that breaks is like a watch that ends; a server that is gone shows at the next attempt.
            let Ok(mut event) = event else { break };
            let object = event.get_mut("object").map(Value::take).unwrap_or_default();
            match event.get("type").and_then(Value::as_str) {
                Some("ERROR") if object.get("code").and_then(Value::as_u64) == Some(GONE) => return Ok(None),
                Some("ERROR") => {
                    let reason = object.get("message").and_then(Value::as_str).unwrap_or("unknown error").to_owned();
                    return Err(CliError::Refused { act: format!("watch {}", self.kind.plural), reason, hint: None });
                }
                Some("BOOKMARK") => {
                    if let Some(next) = object.pointer("/metadata/resourceVersion").and_then(Value::as_str) {
                        version = next.to_owned();
                    }
                }
                _ => {
                    if let Some(next) = self.show(format, object, io)? {
                        version = next;
                    }
                }
            }
        }
        Ok(Some(version))
    }

    /// Prints one change; returns the version of the object.
    fn show(&mut self, format: Option<OutputFormat>, object: Value, io: &mut Io) -> Result<Option<String>, CliError> {
        let Some(format) = format else {
            let table = decode_table(self.kind, object)?;
            io.data(&self.printer.print(&table))?;
            return Ok(table.last_version().map(str::to_owned));
        };
        let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str).map(str::to_owned);
        self.print(format, object, io)?;
        Ok(version)
    }

    fn print(&self, format: OutputFormat, object: Value, io: &mut Io) -> Result<(), CliError> {
        if format == OutputFormat::Yaml {
            io.line("---")?;
        }
        print_object(format, without_managed_fields(object), &self.query.kinds, io)
    }

    fn path(&self, more: &str) -> String {
        // Without a limit: a watch starts from a complete list.
        let mut path = self.kind.path(self.query.namespace.as_deref(), None);
        path.push('?');
        let mut parameters = Vec::new();
        if let Some(selector) = &self.query.selector {
            parameters.push(format!("labelSelector={}", encode(selector)));
        }
        if let Some(name) = self.query.names.first() {
            parameters.push(format!("fieldSelector={}", encode(&format!("metadata.name={name}"))));
        }
        path.push_str(&parameters.join("&"));
        path.push_str(more);
        path
    }

    fn error(&self, source: kube::Error) -> CliError {
        self.cluster.error(self.query.act(self.kind), self.kind, source)
    }
}
