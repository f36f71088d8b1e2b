//! The FTP protocol as pure words and machines: no socket, no file, no clock, no async.
//!
//! # Layout
//!
//! In the order in which a newcomer should read it:
//!
//! * [`moment`]: time as a parameter; [`path`]: paths that cannot climb out of their root.
//! * [`wire`]: Telnet bytes, lines with a ceiling, names as bytes.
//! * [`grammar`]: commands, replies, addresses, features; [`grammar::verb`] is *the table*.
//! * [`listing`]: what LIST and MLSD say about a file.
//! * [`client`]: one control connection seen from the client.
//! * [`server`]: one control connection seen from the server.
//! * [`pair`]: one file between two servers.
//! * [`fuzzing`]: promises that hold for any bytes.
#![forbid(unsafe_code)]

pub mod client;
pub mod fuzzing;
pub mod grammar;
pub mod listing;
pub mod moment;
pub mod pair;
pub mod path;
pub mod server;
pub mod wire;
