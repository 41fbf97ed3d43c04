//! Typed subsets of the foreign kinds that the platform writes.
