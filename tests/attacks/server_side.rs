//! Attacks on `fxpd`, by its users and by strangers.

mod cross_protocol;
mod injection;
#[allow(dead_code, reason = "more attacks are to come")]
mod stage;
mod stealing;
mod tickets;
#[allow(dead_code, reason = "more attacks are to come")]
mod wire;
