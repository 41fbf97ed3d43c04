//! Contexts of a kubeconfig.

use std::fs;

use crate::harness::choreoctl;

const KUBECONFIG: &str = "# written by hand
apiVersion: v1
kind: Config
clusters:
- {name: here, cluster: {server: 'https://here'}}
- {name: there, cluster: {server: 'https://there'}}
contexts:
- {name: one, context: {cluster: here, user: me, namespace: acme}}
- {name: two, context: {cluster: there, user: me}}
current-context: one
users:
- {name: me, user: {token: very-secret}}
";

#[tokio::test]
async fn contexts_are_listed_chosen_and_shown_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    fs::write(&path, KUBECONFIG).unwrap();
    let file = path.to_str().unwrap();
    let run = |arguments: &'static [&'static str]| async move {
        choreoctl(&[arguments, &["--kubeconfig", file]].concat(), "").await
    };

    assert_eq!(
        run(&["config", "get-contexts"]).await.success(),
        "CURRENT   NAME   CLUSTER   AUTHINFO   NAMESPACE\n\
         *         one    here      me         acme\n          \
         two    there     me         \n"
    );
    assert_eq!(run(&["config", "use-context", "two"]).await.success(), "Switched to context \"two\".\n");
    assert_eq!(run(&["config", "current-context"]).await.success(), "two\n");
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        KUBECONFIG.replace("current-context: one", "current-context: \"two\"")
    );
    let view = run(&["config", "view"]).await.success();
    assert!(view.contains("REDACTED") && !view.contains("very-secret"), "{view}");
    let err = run(&["config", "use-context", "three"]).await.failure();
    assert_eq!(err, "error: context `three` not found\n\nhint: the contexts are `one`, `two`\n");
}

#[cfg(unix)]
#[tokio::test]
async fn a_changed_kubeconfig_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    fs::write(&path, KUBECONFIG).unwrap();
    choreoctl(&["config", "use-context", "two", "--kubeconfig", path.to_str().unwrap()], "").await.success();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["config"], "nothing else is left behind");
}

#[tokio::test]
async fn several_kubeconfigs_are_one_and_the_first_that_chooses_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let text = "contexts: [{name: zero, context: {cluster: here, user: me}}]\n";
    fs::write(&first, text).unwrap();
    fs::write(&second, KUBECONFIG).unwrap();
    let both = std::env::join_paths([&first, &second]).unwrap();
    let both = both.to_str().unwrap();
    choreoctl(&["config", "use-context", "zero", "--kubeconfig", both], "").await.success();
    assert_eq!(fs::read_to_string(&first).unwrap(), text);
    let current = choreoctl(&["config", "current-context", "--kubeconfig", both], "").await.success();
    assert_eq!(current, "zero\n");
}
