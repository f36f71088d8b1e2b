//! The attacks on FTP servers and clients that are known, run by real attackers against real sockets: against
//! `fxpd` and `fxp`, and where that shows the difference against the servers that people run today.
//!
//! `docs/security/ATTACKS.md` is the table of them, with the names of these tests.
#![forbid(unsafe_code)]

#[path = "../common/fxp.rs"]
mod fxp;
#[path = "../common/lab.rs"]
mod lab;
#[path = "../common/namespace.rs"]
mod namespace;
#[path = "../common/server.rs"]
mod server;

mod client_side;
mod proof;
mod server_side;
