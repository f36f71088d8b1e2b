//! What will be done: walk, select, diff, and the ladder of methods.

pub mod ladder;
