//! The server as a client sees it: raw lines and data connections over loopback, files in memory.

mod fxp;
mod life;
mod listing;
mod session;
mod tls;
mod transfer;
mod world;
