//! One file between two legs.

pub mod exchange;
pub mod leg;
pub mod method;
