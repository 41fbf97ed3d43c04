//! What the grammar refuses, and commands that need no server.

use std::process::{Command, ExitCode, Stdio};

use crate::harness::choreoctl;

#[tokio::test]
async fn all_missing_flags_are_named_at_once_with_exit_code_two() {
    let outcome = choreoctl(&["create", "component", "--name", "web"], "").await;
    assert_eq!(outcome.code, ExitCode::from(2));
    for flag in ["--project <NAME>", "--type <TYPE>"] {
        assert!(outcome.err.contains(flag), "{flag} not in {}", outcome.err);
    }
}

#[tokio::test]
async fn contradictions_are_usage_errors_with_a_hint() {
    let kubeconfig = "/nowhere/kubeconfig";
    let cases: [(&[&str], &str); 3] = [
        (&["apply"], "nothing to apply"),
        (&["create", "dataplane", "--name", "a", "--server", "https://a", "--from-context", "b"], "--from-kubeconfig"),
        (&["delete", "-f", "a.yaml", "project", "shop"], "cannot be used with"),
    ];
    for (arguments, expected) in cases {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--kubeconfig", kubeconfig]).collect();
        let outcome = choreoctl(&arguments, "").await;
        assert_eq!(outcome.code, ExitCode::from(2), "{arguments:?}: {outcome:?}");
        assert!(outcome.err.contains(expected), "{outcome:?}");
    }
}

#[tokio::test]
async fn without_a_kubeconfig_the_error_says_where_to_put_one() {
    let err = choreoctl(&["get", "projects", "--kubeconfig", "/nowhere/kubeconfig"], "").await.failure();
    assert!(err.starts_with("error: no kubeconfig found\n\nhint: "), "{err}");
    assert!(err.contains("/nowhere/kubeconfig"), "{err}");
}

#[tokio::test]
async fn completions_exist_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = choreoctl(&["completion", shell], "").await.success();
        assert!(script.contains("choreoctl"), "{shell}");
    }
}

#[tokio::test]
async fn the_version_of_the_program_needs_no_server() {
    let out = choreoctl(&["version", "--client"], "").await.success();
    assert_eq!(out, format!("choreoctl {}\n", env!("CARGO_PKG_VERSION")));
    let outcome = choreoctl(&["version", "-o", "json", "--kubeconfig", "/nowhere/kubeconfig"], "").await;
    assert!(outcome.err.starts_with("no server version: "), "{outcome:?}");
    assert!(outcome.success().contains("clientVersion"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_choreoctl"))
        .args(["completion", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stderr, b"", "{output:?}");
}
