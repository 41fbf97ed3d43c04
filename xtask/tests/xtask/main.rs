//! The project guards itself under plain `cargo test`.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[test]
fn generated_files_are_in_sync() {
    assert_eq!(xtask::codegen::check().expect("generation works"), Vec::<String>::new());
}

#[test]
fn the_tree_is_tidy() {
    assert_eq!(xtask::tidy::problems().expect("the tree can be read"), Vec::<String>::new());
}

#[test]
fn libraries_are_pure_by_default() {
    assert_eq!(xtask::pure::problems().expect("cargo tree works"), Vec::<String>::new());
}

#[test]
fn what_is_explained_of_mutants_is_about_functions_that_are_there() {
    assert_eq!(xtask::mutants::stale().expect("the document can be read"), Vec::<String>::new());
}

#[test]
fn reasons_of_a_kind_have_names_of_their_own() {
    let mut seen = std::collections::BTreeSet::new();
    for reason in xtask::codegen::reasons() {
        assert!(seen.insert((reason.kind, reason.condition, reason.reason)), "{reason:?} twice");
        assert!(reason.meaning.len() > 3, "{reason:?} says nothing");
    }
}
