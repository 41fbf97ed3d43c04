//! Checking a manifest without a cluster.
