//! Bytes in and out: control lines, data channels, TLS, the port pool. The wall for sockets.
//!
//! # Layout
//!
//! * [`dial`], [`listen`]: how TCP connections come about.
//! * [`tls`]: trust, and both roles of the handshake.
//! * [`control`]: lines over a control connection that may become TLS.
//! * [`data`]: one data connection; blocking calls, made for a thread of their own.
//! * [`host`]: this machine's own addresses and networks.
//! * [`meter`]: who sent how many payload bytes to whom.
#![forbid(unsafe_code)]

pub mod control;
pub mod data;
pub mod dial;
pub mod host;
pub mod listen;
pub mod meter;
pub mod tls;
