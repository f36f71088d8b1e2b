//! `fxp site` and `fxp trust`: what is remembered of servers.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Subcommand, ValueEnum, ValueHint};

use crate::bookmarks::Program;

/// Remember servers by short names
#[derive(Debug, clap::Args)]
pub(crate) struct Site {
    #[command(subcommand)]
    pub(crate) command: SiteCommand,
}

/// What to do with sites.
#[derive(Debug, Subcommand)]
pub(crate) enum SiteCommand {
    Add(SiteAdd),
    Import(SiteImport),
    /// List the sites
    Ls,
    /// Forget sites
    Rm {
        /// Their names
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Log in and show what the server can do
    Test {
        /// The site's name, or an address
        #[arg(value_name = "NAME")]
        name: OsString,
    },
    /// Show a site, and what was learned about its server
    ///
    /// Copies find out what a server refuses, so that the next one need not try it again. Such lessons
    /// are forgotten when the server greets in other words. Nothing is asked of the server for this.
    Show {
        /// The site's name, or an address
        #[arg(value_name = "NAME")]
        name: OsString,
    },
    /// Forget what was learned about a server, but not the trust in it
    ///
    /// For a server that was configured anew. (A copy that has no other way left tries what was refused
    /// earlier in any case.)
    Unlearn {
        /// The site's name, or an address
        #[arg(value_name = "NAME")]
        name: OsString,
    },
}

/// Remember a server
///
/// Passwords are never stored: they come from ~/.netrc, from the command given by
/// --password-command, from $FXP_PASSWORD, or from you. --tls is remembered if given.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  fxp site add work ftpes://me@ftp.example.org/projects
  fxp site add nat ftp://me@home.example.net --listens no
  fxp site add lab ftp://me@10.0.0.7 --data-address 10.0.0.8 --password-command 'pass show lab'")]
pub(crate) struct SiteAdd {
    /// The short name, as in NAME:path
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// [ftp://|ftpes://|ftps://][user@]host[:port][/path]; the path is where relative paths begin
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::Url)]
    pub(crate) address: String,

    /// The address for data connections, instead of the one the server announces
    #[arg(long, value_name = "IP")]
    pub(crate) data_address: Option<IpAddr>,

    /// Whether this server can be the end that listens: `no` behind NAT
    #[arg(long, value_enum, value_name = "YES|NO", hide_possible_values = true)]
    pub(crate) listens: Option<YesNo>,

    /// Trust the certificate in this PEM file, and no other
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) certificate: Option<PathBuf>,

    /// Replace a site of the same name
    #[arg(short, long)]
    pub(crate) force: bool,
}

/// Take over other programs' lists of servers
///
/// Reads lftp's bookmarks, FileZilla's sitemanager.xml and rclone.conf. Folders are left, and what stands in a
/// name beyond letters, digits, `_`, `-` and `.` becomes `-`. Servers that do not speak FTP are left out, and
/// said to be.
///
/// Sites never hold a password. Those of the list stay where they are, unless --netrc puts them into ~/.netrc.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  fxp site import ~/.config/filezilla/sitemanager.xml --dry-run
  fxp site import --from lftp --netrc")]
pub(crate) struct SiteImport {
    /// The list; the program's usual one if missing
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath, required_unless_present = "from")]
    pub(crate) file: Option<PathBuf>,

    /// Whose list it is; seen from what is in it if missing
    #[arg(long, value_enum, value_name = "PROGRAM")]
    pub(crate) from: Option<Program>,

    /// Replace sites of the same names; what only fxp knows of the same host is kept
    #[arg(long)]
    pub(crate) replace: bool,

    /// Put the passwords into ~/.netrc, in clear, readable by you only
    ///
    /// Passwords that are there already stay. $NETRC names another file.
    #[arg(long)]
    pub(crate) netrc: bool,

    /// Only show what would be done
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

/// Manage the certificates that are trusted
///
/// A certificate is accepted if this machine's roots vouch for it, or if its fingerprint is in this
/// list. At a terminal fxp asks before it adds one; without a terminal an unknown certificate is an
/// error that prints the command to type.
#[derive(Debug, clap::Args)]
pub(crate) struct Trust {
    #[command(subcommand)]
    pub(crate) command: TrustCommand,
}

/// What to do with trusted certificates.
#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// List the trusted fingerprints
    Ls,
    /// Trust a certificate
    ///
    /// Type the fingerprint as the server's operator tells it (`fxpd check` prints its own). One that was
    /// accepted by a yes counts as compared from then on; until then every copy says that its assurance rests on sand.
    Add {
        /// The server; port 21 unless given
        #[arg(value_name = "HOST[:PORT]", value_hint = ValueHint::Hostname)]
        server: String,
        /// SHA-256 of the certificate: 64 hex digits, with or without colons
        #[arg(value_name = "FINGERPRINT")]
        fingerprint: String,
    },
    /// Trust no longer
    Rm {
        /// The server; port 21 unless given
        #[arg(value_name = "HOST[:PORT]", value_hint = ValueHint::Hostname)]
        server: String,
        /// Only this fingerprint; all of them if missing
        #[arg(value_name = "FINGERPRINT")]
        fingerprint: Option<String>,
    },
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum YesNo {
    Yes,
    No,
}
