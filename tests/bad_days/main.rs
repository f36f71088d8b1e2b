//! Bad days: what a person sees when something goes wrong, what is left behind, and that the next run
//! puts it right.
//!
//! Every test tells a story ([`story`]): commands, what they said, how they ended and what lies at the
//! destination afterwards, compared with a text in `expected/`. `FXP_UPDATE=1` writes these texts.
//! The servers are the ones where the trouble is real; without them the tests skip loudly, in CI they fail.
#![forbid(unsafe_code)]

#[path = "../common/fxp.rs"]
mod fxp;
#[path = "../common/lab.rs"]
mod lab;
#[path = "../common/server.rs"]
mod server;

mod alternatives;
mod mask;
mod mount;
mod proxy;
mod story;
mod world;

mod broken;
mod changing;
mod login;
mod names;
mod paths;
mod sizes;
mod space;
