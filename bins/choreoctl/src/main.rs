//! choreoctl
fn main() {}
