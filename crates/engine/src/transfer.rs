//! One file, from server to server or through this machine.

pub mod direct;
pub(crate) mod relay;
