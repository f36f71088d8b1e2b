//! One control connection seen from the server.
//!
//! [`machine::Machine`] decides: lines, news and outcomes go in, actions come out. What only I/O can
//! do it asks for as an [`effect::Effect`]. Inside, `state` is what a session remembers, `pending` what
//! the running effect is for, `waiting` the lines that came too early, and each file of `cmd` serves
//! one family of commands.

mod cmd;
pub mod effect;
pub mod machine;
mod pending;
mod replies;
mod state;
mod waiting;
