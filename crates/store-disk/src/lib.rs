//! Local files, confined beneath a root. Linux only.
//!
//! # Layout
//!
//! * `root`: the wall. Every path goes through one `openat2` call, and nothing else here takes a path.
//! * [`disk`]: the [`Storage`](fxp_store::storage::Storage) of a directory.
//! * `safe_write`: files being written, in place or hidden until they are whole.
//! * `failure`: what the system's error numbers mean to a user.
#![forbid(unsafe_code)]

pub use disk::{Disk, Options, Upload};
pub use root::RootError;

mod failure;
mod root;
mod safe_write;

pub mod disk;
