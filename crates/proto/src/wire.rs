//! Bytes on a control connection: Telnet, lines, text.

pub mod secret;
pub mod text;
