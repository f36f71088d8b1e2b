//! Files, from server to server or through this machine.

pub(crate) mod convoy;
pub mod direct;
pub(crate) mod relay;
