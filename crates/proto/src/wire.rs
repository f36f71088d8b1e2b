//! Bytes on a control connection: Telnet, lines, text.

pub mod line;
pub mod secret;
pub mod telnet;
pub mod text;
