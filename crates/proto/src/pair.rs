//! Files between two legs.
//!
//! * [`leg`]: source and destination; [`job`]: what is to be copied, and between whom.
//! * [`method`]: how two legs are joined; one file per method beneath it.
//! * [`address`]: which address the listening end is to be reached at, and which none may be asked to reach.
//! * [`refusal`]: what a server means when it says no.
//! * [`exchange`]: the machine for one file; `side` is one leg's part of it, `knock` what ends a wait for nobody.
//! * [`convoy`]: the machine for many files, as long as all goes well.

pub mod address;
pub mod convoy;
pub mod exchange;
pub mod job;
mod knock;
pub mod leg;
pub mod method;
pub mod refusal;
mod side;
pub mod verdict;
