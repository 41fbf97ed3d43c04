//! Objects to text.

use crate::harness::{COMPONENT, PROJECT, Plane, eventually};

async fn shop() -> Plane {
    let plane = Plane::with_namespaces(&["acme", "other"]).await;
    let all = [PROJECT, COMPONENT].join("---\n");
    plane.run_with_input(&["apply", "-f", "-"], &all).await.success();
    plane
}

#[tokio::test]
async fn kinds_have_many_names_and_tables_come_from_the_server() {
    let plane = shop().await;
    for kind in ["components", "component", "Component", "comp", "components.openchoreo.dev"] {
        let out = plane.run(&["get", kind, "-n", "acme"]).await.success();
        let mut lines = out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(lines.next().unwrap().first(), Some(&"NAME"), "{out}");
        assert_eq!(lines.next().unwrap().first(), Some(&"web"), "{out}");
    }
    let out = plane.run(&["get", "comp/web", "--organization", "acme", "--no-headers"]).await.success();
    assert!(out.starts_with("web "), "{out}");
}

#[tokio::test]
async fn our_kinds_win_over_those_of_kubernetes() {
    let plane = shop().await;
    let out = plane.run(&["get", "deployments,ns", "-n", "acme", "-o", "name"]).await.success();
    assert!(out.contains("namespace/acme\n"), "{out}");
    let outcome = plane.run(&["get", "deployments", "-n", "acme"]).await;
    assert_eq!(outcome.err, "No resources found in acme namespace.\n");
    // With its group, the other kind can still be asked for.
    plane.run(&["get", "deployments.apps", "-n", "acme"]).await.success();
}

#[tokio::test]
async fn nothing_found_is_said_on_standard_error_and_is_no_failure() {
    let plane = shop().await;
    let outcome = plane.run(&["get", "builds", "-n", "acme"]).await;
    assert_eq!((outcome.out.as_str(), outcome.err.as_str()), ("", "No resources found in acme namespace.\n"));
    outcome.success();
    assert_eq!(plane.run(&["get", "orgs"]).await.err, "No resources found\n");
}

#[tokio::test]
async fn all_namespaces_and_selectors_narrow_and_widen() {
    let plane = shop().await;
    let out = plane.run(&["get", "projects", "-A"]).await.success();
    assert!(out.starts_with("NAMESPACE   NAME"), "{out}");
    let outcome = plane.run(&["get", "projects", "-A", "-l", "openchoreo.dev/name=none"]).await;
    assert_eq!(outcome.out, "");
}

#[tokio::test]
async fn objects_are_shown_without_bookkeeping() {
    let plane = shop().await;
    let yaml = plane.run(&["get", "project", "shop", "-n", "acme", "-o", "yaml"]).await.success();
    assert!(yaml.contains("deploymentPipelineRef: default-pipeline") && !yaml.contains("managedFields"), "{yaml}");
    let json = plane.run(&["get", "projects", "-n", "acme", "-o", "json"]).await.success();
    let list: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&list["kind"], &list["items"][0]["kind"]), (&"List".into(), &"Project".into()));
}

#[tokio::test]
async fn what_is_not_there_is_told_with_the_place_where_it_is() {
    let plane = shop().await;
    assert_eq!(
        plane.run(&["get", "component", "web", "-n", "other"]).await.failure(),
        "error: component `web` not found in namespace `other`\n\n\
         hint: one of that name is in namespace `acme`: choose it with `-n`\n"
    );
    assert_eq!(
        plane.run(&["get", "componets"]).await.failure(),
        "error: unknown kind `componets`\n\nhint: did you mean `components`?\n"
    );
}

#[tokio::test]
async fn a_watch_shows_what_is_there_and_then_what_changes() {
    let plane = shop().await;
    let (task, out) = plane.start_command(&["get", "projects", "-n", "acme", "--watch"]);
    eventually("the first table", || out.text().contains("shop")).await;
    let next = PROJECT.replace("shop", "second");
    plane.run_with_input(&["apply", "-f", "-"], &next).await.success();
    eventually("the change", || out.text().contains("second")).await;
    assert_eq!(out.text().matches("NAME").count(), 1, "{}", out.text());
    task.abort();
}
