//! What a back end must be able to do, who may do what, and a back end in memory.
//!
//! Everything here blocks: callers run it on threads made for that (`spawn_blocking`), because the
//! data path is one blocking loop per transfer and files have no useful non-blocking form.
#![forbid(unsafe_code)]

pub use fxp_proto::listing::entry::{Entry, Kind, Precision};
pub use fxp_proto::listing::time::FtpTime;
pub use fxp_proto::path::VPath;
pub use fxp_proto::wire::secret::Secret;
pub use fxp_proto::wire::text::Text;

pub mod account;
pub mod storage;
