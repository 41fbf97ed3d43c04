//! Measurements of OpenChoreo: what the benches and the program `measure` share.
//!
//! The micro benches (`benches/micro`) time single steps with nothing around them. The program `measure` takes figures
//! of the whole system: processes, memory, requests. No test depends on a time; `docs/performance.md` names the command
//! of each figure. Both measure the same invented organization, which [`population`] writes, and which [`offline`] plans
//! where no cluster is needed.

pub mod offline;
pub mod population;
pub mod warm;
