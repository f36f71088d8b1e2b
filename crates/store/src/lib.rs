//! What a back end must be able to do, who may do what, and a back end in memory.
//!
//! Everything here blocks: callers run it on threads made for that (`spawn_blocking`), because the
//! data path is one blocking loop per transfer and files have no useful non-blocking form.
//!
//! # Layout
//!
//! * [`storage`]: the traits; [`account`]: who logs in and with which rights.
//! * [`guarded`]: rights applied to a storage, so that callers cannot forget them.
//! * [`memory`]: a whole back end in memory; [`suite`]: what every back end must pass; [`layer`]: one over another, for
//!   tests.
#![forbid(unsafe_code)]

pub use fxp_proto::listing::entry::{Entry, Kind, Precision};
pub use fxp_proto::listing::left_out::LeftOut;
pub use fxp_proto::listing::time::FtpTime;
pub use fxp_proto::path::VPath;
pub use fxp_proto::wire::secret::Secret;
pub use fxp_proto::wire::text::Text;

pub mod storage;

pub mod account;
pub mod guarded;
pub mod layer;
pub mod memory;
pub mod suite;
