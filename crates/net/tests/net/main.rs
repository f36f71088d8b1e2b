//! The crate over real sockets on the loopback interface.

mod control;
mod ending;
mod matrix;
mod passive;
mod proof;
mod relay;
mod resumption;
mod support;
mod throttle;
mod trust;
