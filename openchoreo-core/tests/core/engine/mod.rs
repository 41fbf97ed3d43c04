//! Scripted histories of the engine's core: events in, commands out, a virtual clock and modelled API servers.

mod any_history;
mod bounds;
mod clusters;
mod connections;
mod history;
mod installations;
mod kinds;
mod leading;
mod planning;
mod script;
mod sending;
mod storms;
mod taking;
mod wanting;
