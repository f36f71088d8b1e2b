//! What was found out about a server while working with it, so that nothing is tried in vain twice.

use fxp_proto::grammar::change::TimeVerb;
use fxp_proto::grammar::params::DigestKind;

/// What was found out about a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Habits {
    /// EPSV is refused; PASV is used.
    pub(crate) no_epsv: bool,
    /// MLST or MLSD is refused although FEAT has it.
    pub(crate) no_facts: bool,
    /// MLSC is refused although FEAT has it.
    pub(crate) no_mlsc: bool,
    /// MDTM is not known.
    pub(crate) no_mdtm: bool,
    /// MLSD tells where links lead.
    pub(crate) facts_tell_targets: bool,
    /// SITE SYMLINK is not known.
    pub(crate) no_links: bool,
    /// `LIST -a` works (`Some(true)`) or does not.
    pub(crate) list_all: Option<bool>,
    /// `STAT -la` lists what LIST lists (`Some(true)`), or does not.
    pub(crate) stat_lists: Option<bool>,
    /// How times are set, once one way has worked.
    pub(crate) set_time: Option<TimeVerb>,
    /// Setting a time was tried.
    pub(crate) tried_times: bool,
    /// Ways of setting times that the server does not know.
    pub(crate) no_set_time: Vec<TimeVerb>,
    /// The digest that HASH computes now, if it was chosen by OPTS.
    pub(crate) hash: Option<DigestKind>,
}
