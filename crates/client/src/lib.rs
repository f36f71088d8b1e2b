//! An async FTP session: one control connection driven by `proto`'s client machine, and two-party
//! transfers over data connections of its own.
//!
//! # Layout
//!
//! * [`connect`]: address, TLS and login; [`certificates`]: what else a server shows; [`session`]: requests, answers, small commands; `facts`: what a
//!   server says about a file; `tree`: listings; [`links`]: where links lead; [`transfer`]: up and down; [`transcript`]: who said
//!   what, without secrets; [`queue`]: what may be sent before replies have come.
//! * `knock`: what ends a server's wait for nobody; `driver`: the loop around the machine; `habits`: what was found out about a server; [`error`].
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use fxp_client::connect::{Environment, Target, connect};
//! use fxp_client::proto::client::request::LoginTls;
//! use fxp_client::proto::grammar::params::Protection;
//! use fxp_client::proto::path::VPath;
//! use fxp_client::{Meter, tls::ClientTls, trust::Trust};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let environment =
//!     Environment { tls: ClientTls::new(), meter: Meter::default(), timeout: Duration::from_secs(30) };
//! let target = Target {
//!     host: "ftp.example".to_owned(),
//!     port: 21,
//!     tls: LoginTls::Require,
//!     protection: Protection::Private,
//!     trust: Trust { roots: true, pinned: Vec::new() },
//!     user: "anna".into(),
//!     password: Default::default(),
//!     swift: None,
//! };
//! let mut session = connect(&target, &environment, None).await?;
//! for entry in session.list(&VPath::root()).await? {
//!     println!("{}", entry.name);
//! }
//! session.quit().await;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub use fxp_net::{data, data::DataStream, meter::Meter, tls, tls::trust};
pub use fxp_proto as proto;

pub mod certificates;
pub mod connect;
mod driver;
pub mod error;
mod facts;
mod habits;
mod knock;
pub mod links;
pub mod queue;
pub mod session;
pub mod transcript;
pub mod transfer;
mod tree;
