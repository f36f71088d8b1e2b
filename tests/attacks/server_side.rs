//! Attacks on `fxpd`, by its users and by strangers.

mod bounce;
mod bugs;
mod cross_protocol;
mod injection;
mod network;
mod nmap;
mod scanner;
mod stage;
mod stealing;
mod tickets;
mod wire;
