//! What the lines mean: commands, replies, parameters, addresses, features.

pub mod addr;
pub mod code;
pub mod command;
pub mod feat;
pub mod params;
pub mod reply;
pub mod verb;
