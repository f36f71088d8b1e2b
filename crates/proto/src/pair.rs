//! One file between two legs.
//!
//! * [`leg`]: source and destination; [`job`]: what is to be copied, and between whom.
//! * [`method`]: how two legs are joined; one file per method beneath it.
//! * [`address`]: which address the listening end is to be reached at, and which none may be asked to reach.
//! * [`refusal`]: what a server means when it says no.
//! * [`exchange`]: the machine; `side` is one leg's part of it.

pub mod address;
pub mod exchange;
pub mod job;
pub mod leg;
pub mod method;
pub mod refusal;
mod side;
pub mod verdict;
