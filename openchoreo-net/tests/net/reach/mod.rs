//! Who may reach what, held against those who decide it elsewhere: the evaluator of network policies, which knows them
//! by their documents only, and the simulated gateway.

mod changes;
mod connections;
mod pods;
mod requests;
