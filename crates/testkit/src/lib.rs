//! What tests and benchmarks need: certificates, real daemons, embedded servers, lftp.
//!
//! # Layout
//!
//! * [`certificate`]: an authority and what it signs; [`port`]: free ports; [`data`]: files with content.
//! * [`daemon`]: ProFTPD, vsftpd, Pure-FTPD, pyftpdlib as child processes, `fxpd` inside this process.
//! * [`dialect`]: servers that behave like products which cannot be installed.
//! * [`lftp`]: the client everybody compares with.
//! * [`demand`]: what a test needs, and what happens where it is missing.
#![forbid(unsafe_code)]

pub mod certificate;
pub mod daemon;
pub mod data;
pub mod demand;
pub mod dialect;
pub mod lftp;
pub mod port;
