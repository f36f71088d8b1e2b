//! Attacks on `fxpd`, by its users and by strangers.

mod bounce;
mod bugs;
mod cross_protocol;
mod injection;
mod network;
mod nmap;
mod scanner;
pub(crate) mod stage;
pub(crate) mod stealing;
mod tickets;
pub(crate) mod wire;
