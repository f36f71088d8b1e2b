//! An async FTP server as a library.
//!
//! # Layout
//!
//! * [`config`]: what can be configured; [`accounts`]: the users of a configuration.
//! * [`policy`]: the one function that judges data connections.
//! * [`server`]: listeners; `connection`: one control connection; `effect`: what it does.
#![forbid(unsafe_code)]

pub mod config;

pub mod accounts;
pub mod policy;

pub mod server;
