//! Copies with servers that cannot be installed here: the program `fxp`, `fxpd`, and peers that speak the
//! dialects of `fxp_testkit::dialect`. Only
//! `old_tls` needs foreign software: pyftpdlib and OpenSSL from `tools/daemons/install`.
#![forbid(unsafe_code)]

#[path = "../common/fxp.rs"]
mod fxp;
#[path = "../common/lab.rs"]
mod lab;

mod copies;
mod denied;
mod digests;
mod links;
mod old_tls;
mod quirks;
mod resume;
mod stage;
mod times;
