//! choreoctl
