//! One control connection seen from the client.

pub mod machine;
pub mod request;
