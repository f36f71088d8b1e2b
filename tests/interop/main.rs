//! Copies between real servers.
#![forbid(unsafe_code)]
