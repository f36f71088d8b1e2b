//! An async FTP session: one control connection driven by `proto`'s client machine, and two-party
//! transfers over data connections of its own.
//!
//! # Layout
//!
//! * [`connect`]: address, TLS and login; [`session`]: requests, answers, small commands; `facts`: what a
//!   server says about a file; `tree`: listings; [`transfer`]: up and down; [`transcript`]: who said
//!   what, without secrets.
//! * `driver`: the loop around the machine; `habits`: what was found out about a server; [`error`].
#![forbid(unsafe_code)]

pub use fxp_net::{data, data::DataStream, meter::Meter, tls, tls::trust};
pub use fxp_proto as proto;

pub mod connect;
mod driver;
pub mod error;
mod facts;
mod habits;
pub mod session;
pub mod transcript;
pub mod transfer;
mod tree;
