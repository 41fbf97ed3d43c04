//! The kubeconfig files: which ones count, what they say together, and changing the current context.
//!
//! Files are joined as `kubectl` joins them: the first file that says something wins.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use kube::config::Kubeconfig;
use openchoreo_types::yaml;
use serde_json::Value;

use crate::error::CliError;
use crate::io::Io;

/// The kubeconfig files of one run.
#[derive(Clone, Debug)]
pub(crate) struct Kubeconfigs {
    paths: Vec<PathBuf>,
    are_named: bool,
}

impl Kubeconfigs {
    /// The files that the arguments name, or else the environment, or else the default one.
    pub(crate) fn locate(named: Option<&OsStr>, io: &Io) -> Self {
        let mut paths: Vec<PathBuf> = named
            .or(io.kubeconfig())
            .map(|named| std::env::split_paths(named).filter(|path| !path.as_os_str().is_empty()).collect())
            .unwrap_or_default();
        let are_named = !paths.is_empty();
        if !are_named {
            paths.extend(io.home().map(|home| home.join(".kube").join("config")));
        }
        Self { paths, are_named }
    }

    /// Whether somebody named them.
    pub(crate) fn are_named(&self) -> bool {
        self.are_named
    }

    /// What the files say together; none when none of them exists.
    pub(crate) fn load(&self) -> Result<Option<Kubeconfig>, CliError> {
        let mut joined: Option<Kubeconfig> = None;
        for path in self.existing() {
            let unusable = |source| CliError::Kubeconfig { path: path.display().to_string(), source: Box::new(source) };
            let next = Kubeconfig::read_from(path).map_err(unusable)?;
            joined = Some(match joined {
                Some(joined) => joined.merge(next).map_err(unusable)?,
                None => next,
            });
        }
        Ok(joined)
    }

    /// What the files say together.
    pub(crate) fn require(&self) -> Result<Kubeconfig, CliError> {
        self.load()?.ok_or_else(|| self.not_found())
    }

    /// The error that there is no file.
    pub(crate) fn not_found(&self) -> CliError {
        CliError::NoKubeconfig { searched: self.paths.clone() }
    }

    /// The files, for people.
    pub(crate) fn describe(&self) -> String {
        self.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    }

    /// Makes a context the current one, in the file that chooses one now, otherwise in the first.
    pub(crate) fn use_context(&self, name: &str) -> Result<(), CliError> {
        let kubeconfig = self.require()?;
        context_name(&kubeconfig, Some(name))?;
        let mut chosen: Option<(&Path, String)> = None;
        for path in self.existing() {
            let text = read(path)?;
            let chooses = parse(path, &text)?.get("current-context").and_then(Value::as_str).is_some();
            if chooses {
                chosen = Some((path, text));
                break;
            }
            chosen.get_or_insert((path, text));
        }
        let Some((path, text)) = chosen else { return Err(self.not_found()) };
        write_atomically(path, &with_current_context(path, &text, name)?)
    }

    fn existing(&self) -> impl Iterator<Item = &Path> {
        self.paths.iter().map(PathBuf::as_path).filter(|path| path.exists())
    }
}

/// The name of the context that the user named, or else of the current one.
pub(crate) fn context_name(kubeconfig: &Kubeconfig, named: Option<&str>) -> Result<String, CliError> {
    let known = || kubeconfig.contexts.iter().map(|context| context.name.clone()).collect::<Vec<_>>();
    let current = kubeconfig.current_context.as_deref().filter(|name| !name.is_empty());
    let name = named.or(current).ok_or_else(|| CliError::NoCurrentContext { known: known() })?;
    if kubeconfig.contexts.iter().any(|context| context.name == name) {
        Ok(name.to_owned())
    } else {
        Err(CliError::NoContext { name: name.to_owned(), known: known() })
    }
}

/// The text of a kubeconfig with another current context. Comments and layout stay where the file's form allows it.
fn with_current_context(path: &Path, text: &str, name: &str) -> Result<String, CliError> {
    let mut wanted = parse(path, text)?;
    if let Some(fields) = wanted.as_object_mut() {
        fields.insert("current-context".to_owned(), Value::String(name.to_owned()));
    }
    let format_error = |error: yaml::YamlError| CliError::Format { reason: error.to_string() };
    let line = format!("current-context: {}\n", Value::String(name.to_owned()));
    let mut edited = String::with_capacity(text.len() + line.len());
    let mut is_replaced = false;
    for old in text.split_inclusive('\n') {
        if old.starts_with("current-context:") && !is_replaced {
            edited.push_str(&line);
            is_replaced = true;
        } else {
            edited.push_str(old);
        }
    }
    if !is_replaced {
        if !edited.is_empty() && !edited.ends_with('\n') {
            edited.push('\n');
        }
        edited.push_str(&line);
    }
    // A file in an unusual form, such as JSON, is written anew instead.
    match yaml::from_str::<Value>(&edited) {
        Ok(result) if result == wanted => Ok(edited),
        _ => yaml::to_string(&wanted).map_err(format_error),
    }
}

fn read(path: &Path) -> Result<String, CliError> {
    fs::read_to_string(path).map_err(|source| CliError::ReadFile { path: path.display().to_string(), source })
}

fn parse(path: &Path, text: &str) -> Result<Value, CliError> {
    yaml::from_str(text).map_err(|source| CliError::KubeconfigSyntax { path: path.to_owned(), source })
}

/// Replaces a file as one act, readable by its owner only: a kubeconfig holds keys.
fn write_atomically(path: &Path, text: &str) -> Result<(), CliError> {
    let failed = |source| CliError::WriteFile { path: path.to_owned(), source };
    // A link keeps pointing where it points.
    let target = fs::canonicalize(path).map_err(failed)?;
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", uuid::Uuid::new_v4().simple()));
    let temporary = target.with_file_name(name);
    let result = write_private(&temporary, text).and_then(|()| fs::rename(&temporary, &target));
    if result.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    result.map_err(failed)
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_current_context_leaves_the_rest_of_the_file_as_it_is() {
        let text = "# mine\ncontexts: []\ncurrent-context: old # chosen\nusers: []";
        let edited = with_current_context(Path::new("config"), text, "new").unwrap();
        assert_eq!(edited, "# mine\ncontexts: []\ncurrent-context: \"new\"\nusers: []");
    }

    #[test]
    fn a_file_without_a_current_context_gets_one_at_its_end() {
        let edited = with_current_context(Path::new("config"), "contexts: []", "new").unwrap();
        assert_eq!(edited, "contexts: []\ncurrent-context: \"new\"\n");
    }

    #[test]
    fn a_file_in_json_is_written_anew() {
        let edited =
            with_current_context(Path::new("config"), r#"{"contexts":[],"current-context":"a"}"#, "b").unwrap();
        let value: Value = yaml::from_str(&edited).unwrap();
        assert_eq!(value, serde_json::json!({"contexts": [], "current-context": "b"}));
    }
}
