//! `config`: looking at the kubeconfig and choosing a context.

use std::process::ExitCode;

use kube::config::Kubeconfig;
use serde_json::Value;

use crate::args::{ConfigArgs, ConfigCommand, GlobalArgs};
use crate::cluster::kubeconfig::{Kubeconfigs, context_name};
use crate::error::CliError;
use crate::io::Io;
use crate::output::{TablePrinter, to_yaml};

/// Fields of a user that hold secrets.
const SECRETS: [&str; 3] = ["token", "password", "client-key-data"];
/// Fields that are long and no secret.
const LONG: [&str; 2] = ["certificate-authority-data", "client-certificate-data"];

pub(crate) fn run(args: ConfigArgs, global: &GlobalArgs, io: &mut Io) -> Result<ExitCode, CliError> {
    let files = Kubeconfigs::locate(global.kubeconfig.as_deref(), io);
    match args.command {
        ConfigCommand::GetContexts => io.data(&contexts(&files.require()?))?,
        ConfigCommand::CurrentContext => {
            let name = context_name(&files.require()?, global.context.as_deref())?;
            io.line(&name)?;
        }
        ConfigCommand::UseContext { name } => {
            files.use_context(&name)?;
            io.line(&format!("Switched to context \"{name}\"."))?;
        }
        ConfigCommand::View => {
            let kubeconfig = serde_json::to_value(files.require()?)
                .map_err(|error| CliError::Format { reason: error.to_string() })?;
            io.data(&to_yaml(&redacted(kubeconfig))?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn contexts(kubeconfig: &Kubeconfig) -> String {
    let heading = ["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"].map(str::to_owned).to_vec();
    let lines = kubeconfig.contexts.iter().map(|named| {
        let is_current = kubeconfig.current_context.as_deref() == Some(named.name.as_str());
        let context = named.context.clone().unwrap_or_default();
        vec![
            if is_current { "*" } else { "" }.to_owned(),
            named.name.clone(),
            context.cluster,
            context.user.unwrap_or_default(),
            context.namespace.unwrap_or_default(),
        ]
    });
    TablePrinter::plain(&std::iter::once(heading).chain(lines).collect::<Vec<_>>())
}

/// The kubeconfig without what would let a reader log in.
fn redacted(mut kubeconfig: Value) -> Value {
    for (list, entry) in [("users", "user"), ("clusters", "cluster")] {
        let entries = kubeconfig.get_mut(list).and_then(Value::as_array_mut);
        for fields in entries.into_iter().flatten().filter_map(|named| named.get_mut(entry)?.as_object_mut()) {
            for (name, value) in fields.iter_mut() {
                if SECRETS.contains(&name.as_str()) {
                    *value = Value::String("REDACTED".to_owned());
                } else if LONG.contains(&name.as_str()) {
                    *value = Value::String("DATA+OMITTED".to_owned());
                }
            }
            // Login programs get secrets as settings and as environment variables.
            for settings in ["/auth-provider/config", "/exec/env"] {
                if let Some(settings) = fields_at(fields, settings) {
                    redact_texts(settings);
                }
            }
        }
    }
    kubeconfig
}

fn fields_at<'a>(fields: &'a mut serde_json::Map<String, Value>, path: &str) -> Option<&'a mut Value> {
    let (first, rest) = path.trim_start_matches('/').split_once('/')?;
    fields.get_mut(first)?.get_mut(rest)
}

fn redact_texts(value: &mut Value) {
    match value {
        Value::String(text) => "REDACTED".clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(redact_texts),
        // The name of a variable is no secret.
        Value::Object(fields) => {
            fields.iter_mut().filter(|(key, _)| *key != "name").for_each(|(_, value)| redact_texts(value));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_view_holds_no_secret() {
        let view = redacted(json!({
            "clusters": [{"name": "c", "cluster": {"server": "https://c", "certificate-authority-data": "s1"}}],
            "users": [
                {"name": "a", "user": {"token": "s2", "client-certificate-data": "s3", "client-key-data": "s4"}},
                {"name": "b", "user": {"username": "bob", "password": "s5"}},
                {"name": "c", "user": {"exec": {"command": "login", "env": [{"name": "KEY", "value": "s6"}]}}},
                {"name": "d", "user": {"auth-provider": {"name": "p", "config": {"id-token": "s7"}}}},
            ],
        }));
        let text = view.to_string();
        for secret in ["s1", "s2", "s3", "s4", "s5", "s6", "s7"] {
            assert!(!text.contains(&format!("\"{secret}\"")), "{secret} in {text}");
        }
        for kept in ["https://c", "bob", "login", "KEY"] {
            assert!(text.contains(kept), "{kept} not in {text}");
        }
    }
}
