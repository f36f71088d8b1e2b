//! The server as a client sees it: raw lines and data connections over loopback, files in memory.

mod session;
mod world;
