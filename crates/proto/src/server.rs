//! One control connection seen from the server.

pub mod effect;
pub mod machine;
