//! What the lines mean: commands, replies, parameters, addresses, features.

pub mod addr;
pub mod change;
pub mod code;
pub mod command;
pub mod digest;
pub mod feat;
pub mod handbook;
pub mod opts;
pub mod params;
pub mod peer;
pub mod quote;
pub mod rate;
pub mod reply;
pub mod verb;
