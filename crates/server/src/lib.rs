//! An async FTP server as a library.
//!
//! ```no_run
//! use std::sync::Arc;
//! use fxp_server::{accounts::FileAccounts, config::{Config, user::User}, server::Server};
//! use fxp_store::{Secret, memory::Memory};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let alice = User::throwaway("alice", &Secret::new("open sesame"), "/");
//! let config = Config::on(([127, 0, 0, 1], 2121)).with_user(alice);
//! let files = Memory::new();
//! let accounts = FileAccounts::new(&config, move |_home, _upload| Ok(Arc::new(files.clone())));
//! let server = Server::bind(config, Arc::new(accounts))?;
//! let handle = server.handle(); // drain, stop, reload, meter
//! server.run().await;
//! # drop(handle);
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//!
//! * [`never`]: addresses and ports that nobody is connected to unasked.
//! * [`config`]: what can be configured; [`accounts`]: the users of a configuration.
//! * [`policy`]: the one function that judges data connections.
//! * [`explain`]: what that function would say.
//! * `limits`, `bans`, `names`, `view`, `observe`, `context`: what all connections share.
//! * `effect`: what the machine asks for, done; `connection`: one control connection.
//! * [`server`]: listeners, and the life of the whole server.
#![forbid(unsafe_code)]

pub mod never;

pub mod config;

pub mod accounts;
pub mod policy;

mod bans;
mod context;
mod limits;
mod names;
mod observe;
mod own_ports;
mod rates;
mod view;

pub mod explain;

mod effect;

mod connection;

pub mod server;
