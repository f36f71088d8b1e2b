//! Copies between places: address, site, plan, transfer, verification, report.
//!
//! # Layout
//!
//! In the order of a copy's life:
//!
//! * [`url`]: what a person types; [`site`], [`book`]: servers we know, and what was learned about them;
//!   [`context`]: what all work shares.
//! * [`policy`]: what the user wants; [`product`]: what is known of server products.
//! * `pool`: sessions, passwords, trust; `side`: a server or this machine, looked at alike.
//! * [`plan`]: what will be done: select, survey, filter, judge, planner, and the ladder.
//! * [`run`]: the whole story; `lane`: two sessions and the ladder they climb; `file`: the story of one
//!   file; [`transfer`]: its bytes, direct or by relay; `verify`, `publish`: what comes after;
//!   `retry`, `patience`: what is tried again, by whom and how often; `queueing`: how many commands a server bears at once.
//! * [`journal`]: what outlives the process, so that another run can continue.
//! * [`report`]: what was done, with the reason for every fallback; [`explain`], `trouble`: why not.
//! * [`place`]: single operations (ls, cat, rm, mkdir) on a place; `moving`: mv; `look`: what a login tells.
//! * [`times`]: what two servers say of the same time; `lesson`: how that is learned from copies, and remembered.
//! * [`checking`]: what is equal on both sides; [`roaming`], [`hashing`]: what one side holds (tree, du, hash);
//!   [`manifest`]: what one side holds, compared with what was written down of it.
//! * [`doctor`]: what two servers can do together, and why not more.
#![forbid(unsafe_code)]

pub use fxp_client as client;
pub use fxp_client::proto;

mod alias;
pub mod book;
pub mod checking;
mod claim;
mod clock;
pub mod context;
mod digest;
pub mod doctor;
pub mod explain;
mod file;
pub mod hashing;
pub mod journal;
mod lane;
mod lesson;
mod linking;
mod look;
pub mod manifest;
mod moving;
mod packing;
mod part;
mod patience;
pub mod place;
pub mod plan;
pub mod policy;
mod pool;
pub mod product;
mod progress;
mod publish;
mod queueing;
mod replace;
pub mod report;
mod retry;
pub mod roaming;
pub mod run;
mod side;
pub mod site;
mod surplus;
#[cfg(test)]
mod testing;
pub mod times;
pub mod transfer;
mod trouble;
pub mod url;
mod verify;
