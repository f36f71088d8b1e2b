//! `fxp` is killed, servers die and come back, the line is cut, the disk fills up: after the last run both sides are
//! equal, no file that had its final name was sent again, and nothing wrong ever stood under a final name.
#![forbid(unsafe_code)]

#[path = "../common/fxp.rs"]
mod fxp;
#[path = "../common/lab.rs"]
mod lab;
#[path = "../bad_days/mount.rs"]
mod mount;
#[path = "../common/server.rs"]
mod server;

mod chance;
mod few;
mod full;
mod tree;
mod watch;
mod world;

mod killed;
mod locked;
mod servers;
mod surroundings;
