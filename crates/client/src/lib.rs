//! An async FTP session: one control connection driven by `proto`'s client machine, and two-party
//! transfers over data connections of its own.
//!
//! # Layout
//!
//! * [`connect`]: address, TLS and login; [`session`]: the commands; [`transfer`]: up and down;
//!   [`transcript`]: who said what, without secrets.
#![forbid(unsafe_code)]

pub use fxp_net::{data, data::DataStream, meter::Meter, tls, tls::trust};
pub use fxp_proto as proto;

pub mod connect;
pub mod session;
pub mod transcript;
pub mod transfer;
