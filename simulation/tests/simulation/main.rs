//! Some schedules of the shipped platform, the same ones each time. `cargo xtask simulate` tries others, and many.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use openchoreo_core::simulation::{Choices, Interruption, run};
use openchoreo_simulation::{Fleet, Scope};

#[test]
fn the_platform_holds_in_some_schedules() {
    let platform = Fleet::platform().expect("the shipped platform fits together");
    let storm = Fleet::storm(400);
    for seed in 0..14 {
        let report = run(&mut Fleet::new(&platform), Choices::of_seed(seed), &storm, false);
        if let Some(violation) = report.violation {
            panic!("{violation}\n  cargo xtask simulate --seed {seed} --turns 400");
        }
    }
}

/// A piece of what `cargo xtask simulate --exhaustive` tries.
#[test]
fn a_component_is_deleted_and_comes_back_whatever_happens_on_the_way() {
    let platform = Fleet::platform().expect("the shipped platform fits together");
    let scope = Scope::new(&platform).expect("a small scope begins");
    let names: Vec<&str> = scope.acts().collect();
    let first = names.iter().position(|name| name.contains("delete Component")).expect("that can be done");
    let begin = (0, Interruption::Act(first));
    let (report, length) = scope.run(&[begin], false);
    assert_eq!(report.violation, None);
    assert!(length > 50, "{length} turns");
    for (second, name) in names.iter().enumerate().filter(|(second, _)| *second != first) {
        let turn = length * second as u64 / names.len() as u64;
        for third in [Interruption::Crash, Interruption::Lag(second)] {
            let script = [begin, (turn, third), (turn, Interruption::Act(second))];
            let (report, _) = scope.run(&script, false);
            assert_eq!(report.violation, None, "{name} at turn {turn}, and {third:?}");
        }
    }
}

#[test]
fn a_schedule_is_replayed_byte_for_byte() {
    let platform = Fleet::platform().expect("the shipped platform fits together");
    let storm = Fleet::storm(200);
    let once = run(&mut Fleet::new(&platform), Choices::of_seed(7), &storm, true);
    assert!(once.trace.len() > 300, "{} lines", once.trace.len());
    let again = run(&mut Fleet::new(&platform), Choices::of_seed(7), &storm, true);
    let replayed = run(&mut Fleet::new(&platform), Choices::given(once.choices.clone()), &storm, true);
    assert_eq!(once.trace, again.trace);
    assert_eq!(once.trace, replayed.trace);
    let other = run(&mut Fleet::new(&platform), Choices::of_seed(8), &storm, true);
    assert_ne!(once.trace, other.trace);
}
