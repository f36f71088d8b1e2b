//! The server as a client sees it: raw lines and data connections over loopback, files in memory.

mod abuse;
mod fxp;
mod gate;
mod life;
mod listing;
mod peer;
mod rate;
mod sequences;
mod session;
mod slow;
mod tls;
mod transfer;
mod world;
