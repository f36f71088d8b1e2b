//! The files that remember: sites (configuration), and what was learned (state): trusted
//! fingerprints, hosts where TLS was seen, facts of servers.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use crate::site::Site;

/// Sites by name, in `$XDG_CONFIG_HOME/fxp/sites.toml`.
#[derive(Debug)]
pub struct SiteBook {
    /// The file.
    pub path: PathBuf,
    /// The sites.
    pub sites: BTreeMap<String, Site>,
}

/// What was learned, in `$XDG_STATE_HOME/fxp/known.toml`: by `host:port`.
#[derive(Debug)]
pub struct KnownBook {
    /// The file.
    pub path: PathBuf,
    /// What is known of each server.
    pub servers: BTreeMap<String, Known>,
}

/// What is known of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Known {
    /// Trusted certificate fingerprints, as `SHA-256=<hex>`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted: Vec<String>,
    /// TLS was seen: its absence is an error from now on.
    #[serde(default)]
    pub tls_seen: bool,
    /// The banner when the facts were learned; they are forgotten when it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banner: Option<String>,
    /// Data connections must resume the control session (found out from a 522 or 425).
    #[serde(default)]
    pub demands_reuse: bool,
    /// RNFR/RNTO is refused, so files are stored in place.
    #[serde(default)]
    pub no_rename: bool,
    /// Foreign addresses are refused when this server listens.
    #[serde(default)]
    pub no_foreign_passive: bool,
    /// Foreign addresses are refused when this server connects.
    #[serde(default)]
    pub no_foreign_active: bool,
}

impl SiteBook {
    /// Reads the file; a missing file is an empty book.
    ///
    /// # Errors
    ///
    /// Unreadable, or not what a book looks like (with line and column).
    pub fn load(_path: PathBuf) -> io::Result<Self> {
        todo!("engine")
    }

    /// Writes the file atomically, readable by its owner only.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn save(&self) -> io::Result<()> {
        todo!("engine")
    }
}

impl KnownBook {
    /// As [`SiteBook::load`].
    ///
    /// # Errors
    ///
    /// As [`SiteBook::load`].
    pub fn load(_path: PathBuf) -> io::Result<Self> {
        todo!("engine")
    }

    /// As [`SiteBook::save`]; merges with what another process wrote meanwhile.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn save(&self) -> io::Result<()> {
        todo!("engine")
    }
}
