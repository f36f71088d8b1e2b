//! Attacks on data connections whose ends prove who they are (PEER), and on those of today that do not.

mod bouncing;
mod certificates;
pub(crate) mod end;
mod middle;
mod racing;
mod swapping;
mod tags;
mod victim;
