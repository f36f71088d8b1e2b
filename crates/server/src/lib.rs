//! An async FTP server as a library.
//!
//! # Layout
//!
//! * [`config`]: what can be configured; [`accounts`]: the users of a configuration.
//! * [`policy`]: the one function that judges data connections.
//! * `limits`, `names`, `observe`, `context`: what all connections share.
//! * `effect`: what the machine asks for, done; `connection`: one control connection.
//! * [`server`]: listeners, and the life of the whole server.
#![forbid(unsafe_code)]

pub mod config;

pub mod accounts;
pub mod policy;

mod context;
mod limits;
mod names;
mod observe;

mod effect;

mod connection;

pub mod server;
