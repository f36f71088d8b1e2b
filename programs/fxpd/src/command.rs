//! One file per subcommand.

pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod passwd;
pub(crate) mod serve;
