//! Rules that no compiler checks: module docs, short mains, workspace settings, one place for YAML, no strays.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::root;

/// The longest `main.rs` of a binary, in lines.
const MAIN_LIMIT: usize = 60;
/// Files longer than this open with a module doc.
const DOC_LIMIT: usize = 40;

/// Everything that is untidy.
///
/// # Errors
/// A file cannot be read.
pub fn problems() -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for path in files(&root())? {
        let shown = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".snap.new") {
            problems.push(format!("{shown} waits to be reviewed"));
        }
        if name == "Cargo.toml" && path.parent() != Some(&root()) {
            let text = read(&path)?;
            for wanted in ["[lints]\nworkspace = true", "version.workspace = true", "edition.workspace = true"] {
                if !text.contains(wanted) {
                    problems.push(format!("{shown} lacks `{}`", wanted.replace('\n', " ")));
                }
            }
        }
        if !name.ends_with(".rs") {
            continue;
        }
        let text = read(&path)?;
        let lines = text.lines().count();
        let documented = text.lines().find(|line| !line.starts_with("#![")).is_some_and(|line| line.starts_with("//!"));
        if lines > DOC_LIMIT && !documented {
            problems.push(format!("{shown} has no module doc"));
        }
        if name == "main.rs" && shown.starts_with("bins/") && shown.contains("/src/") && lines > MAIN_LIMIT {
            problems.push(format!("{shown} has {lines} lines; rules belong in lib.rs"));
        }
        if text.contains("serde_saphyr")
            && !shown.ends_with("types/src/yaml.rs")
            && !shown.starts_with("openchoreo-embedded")
            && !shown.starts_with("xtask")
        {
            problems.push(format!("{shown} uses the YAML library; `openchoreo_types::yaml` is the place"));
        }
    }
    let readme = read(&root().join("README.md")).unwrap_or_default();
    let manifest = read(&root().join("Cargo.toml"))?;
    let msrv =
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap_or_default().trim_matches('"');
    if !readme.contains(msrv) {
        problems.push(format!("README.md does not say that Rust {msrv} is needed"));
    }
    Ok(problems)
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if name != "target" && !name.starts_with(".git") {
                found.extend(files(&path)?);
            }
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
