//! Steps over Worlds of growing size: each should take the same time in all of them.

use divan::{Bencher, black_box};
use openchoreo_benches::warm::Warm;
use openchoreo_core::kind::PlaneKey;

/// Components in each World. A run that only shows that everything works leaves out the largest, which takes a minute to
/// build.
fn sizes() -> Vec<usize> {
    let all = [10, 1_000, 10_000];
    let only_tests = std::env::args().any(|argument| argument == "--test");
    all.into_iter().filter(|size| !only_tests || *size <= 1_000).collect()
}

/// One pass of the Deployment planner: the workload of a component is rendered, and compared with nothing.
#[divan::bench(args = sizes())]
fn plan_pass_of_a_deployment(bencher: Bencher<'_, '_>, components: usize) {
    let warm = Warm::of(components).expect("a World at rest");
    let mut deployments = warm.deployments.iter().cycle();
    bencher.bench_local(|| deployments.next().and_then(|key| warm.plan(black_box(key))));
}

/// A change of one object: it is put, and its readers are found.
#[divan::bench(args = sizes())]
fn put_of_an_object_and_its_readers(bencher: Bencher<'_, '_>, components: usize) {
    let Warm { mut offline, deployments, .. } = Warm::of(components).expect("a World at rest");
    let key = deployments.get(components / 2).expect("a Deployment").clone();
    let mut object = offline.world().get(&PlaneKey::Control, &key).expect("the Deployment exists").json();
    let mut value = 1_u64;
    bencher.bench_local(|| {
        value += 1;
        object["metadata"]["annotations"]["example"] = value.to_string().into();
        offline.put(&PlaneKey::Control, key.kind, object.clone());
        offline.core().readers_of(&PlaneKey::Control, &key)
    });
}
