//! Tests of the house as a whole; see `house.rs` and `interop/`.
#![forbid(unsafe_code)]
