//! What the tasks do; the tests of this package call the same functions, so that plain `cargo test` guards them.
#![expect(clippy::print_stdout, reason = "tasks speak to the person who runs them")]

pub mod codegen;
pub mod mutants;
pub mod pure;
pub mod tidy;

use std::path::{Path, PathBuf};

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}
