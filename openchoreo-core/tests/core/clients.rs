//! Clients of planes.
