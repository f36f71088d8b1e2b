//! Copies between real servers: `fxp` between `fxpd` and the daemons people run, and lftp between `fxpd` and each of them.
//!
//! The daemons come from `tools/daemons/install`. Without them the tests skip loudly; in CI they fail.
#![forbid(unsafe_code)]

mod clients;
mod convoys;
mod dialogues;
mod doctor;
mod drive;
#[path = "../common/fxp.rs"]
mod fxp;
#[path = "../common/lab.rs"]
mod lab;
mod links;
mod listings;
mod minute;
mod netlab;
mod pairs;
mod peer_script;
mod plain;
#[path = "../common/server.rs"]
mod server;
mod sync;
mod thin_line;
mod tls;
mod two_party;
