//! The pure algorithms of the embedded server: schemas, ownership, patches, tables, documents.
//!
//! The modules are marked `cfg(test)` so that helpers of tests may do what tests may.

#[cfg(test)]
mod apply;
#[cfg(test)]
mod definitions;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod ownership_properties;
#[cfg(test)]
mod patches;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod tables;
