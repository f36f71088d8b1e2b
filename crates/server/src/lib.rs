//! An async FTP server as a library.
//!
//! # Layout
//!
//! * [`config`]: what can be configured; [`policy`]: the one function that judges data connections;
//!   [`limits`]: ceilings; [`server`]: listeners; `connection`: one control connection; `effect`: what it does.
#![forbid(unsafe_code)]

pub mod server;
