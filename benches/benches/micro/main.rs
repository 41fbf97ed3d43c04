//! Single steps, timed with nothing around them. `-- --test` runs each of them once.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing else to do than to stop")]

mod embedded;
mod pure;
mod world;

fn main() {
    divan::main();
}
