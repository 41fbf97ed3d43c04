//! Every example runs, ends well, and prints what it says it prints.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The examples by name, with the program that was built of each.
const EXAMPLES: [(&str, &str); 8] = [
    ("blast_radius", env!("CARGO_BIN_EXE_blast_radius")),
    ("custom_naming", env!("CARGO_BIN_EXE_custom_naming")),
    ("embed_controller", env!("CARGO_BIN_EXE_embed_controller")),
    ("own_gateway", env!("CARGO_BIN_EXE_own_gateway")),
    ("own_kind", env!("CARGO_BIN_EXE_own_kind")),
    ("plane_clients", env!("CARGO_BIN_EXE_plane_clients")),
    ("reach_of_a_change", env!("CARGO_BIN_EXE_reach_of_a_change")),
    ("render_component", env!("CARGO_BIN_EXE_render_component")),
];

/// Runs an example; gives what it prints.
fn run(name: &str) -> String {
    let (_, program) = EXAMPLES.iter().find(|(known, _)| *known == name).expect("a known example");
    let output = Command::new(program).output().expect("the example starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{name}` failed with {}: {errors}", output.status);
    String::from_utf8(output.stdout).expect("the example prints text")
}

#[test]
fn every_program_is_run_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin");
    let names = std::fs::read_dir(folder).expect("the folder of the examples").map(|entry| {
        let path = entry.expect("an entry").path();
        path.file_stem().expect("a file name").to_string_lossy().into_owned()
    });
    let known: BTreeSet<String> = EXAMPLES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names.collect::<BTreeSet<_>>(), known);
}

#[test]
fn a_component_is_rendered_without_a_cluster() {
    insta::assert_snapshot!(run("render_component"));
}

#[test]
fn house_names_are_used_and_a_careless_scheme_is_refused() {
    insta::assert_snapshot!(run("custom_naming"));
}

#[test]
fn the_readers_of_an_object_are_known() {
    insta::assert_snapshot!(run("blast_radius"));
}

#[test]
fn a_data_plane_moves_to_a_gateway_of_ones_own() {
    let printed = run("own_gateway");
    let (before, while_moving) = printed.split_once("while").expect("two parts");
    assert!(before.contains("HTTPRoute") && !before.contains("Ingress"), "{printed}");
    assert!(while_moving.contains("HTTPRoute") && while_moving.contains("Ingress"), "{printed}");
}

#[test]
fn what_an_edit_lets_whom_reach_is_told() {
    insta::assert_snapshot!(run("reach_of_a_change"));
}

#[test]
fn a_kind_of_ones_own_is_planned_beside_the_others() {
    insta::assert_snapshot!(run("own_kind"));
}

#[test]
fn a_platform_of_ones_own_publishes_an_endpoint_that_answers() {
    let printed = run("embed_controller");
    let first = printed.lines().next().unwrap_or_default();
    assert!(first.starts_with("https://hello-world-development-default-project-default-org-"), "{printed}");
    assert!(printed.contains("\nanswered 200:\n"), "{printed}");
    assert!(printed.contains("\nnamespace house-default-org-default-project-development-"), "{printed}");
    assert!(printed.contains("\nnamespace house-builds-default-org-"), "{printed}");
}

#[test]
fn a_program_without_the_engine_knows_two_registrations_of_one_cluster() {
    let printed = run("plane_clients");
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0].starts_with("acme/default-dataplane: choreo-system, default, "), "{printed}");
    assert_eq!(lines[1..], ["globex/default-dataplane: a cluster that is listed already"]);
}
