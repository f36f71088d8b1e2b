//! What can be typed.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use fxp_proto::grammar::params::Protection;
use fxp_server::config::LogFormat;
use fxp_server::config::fxp::Proof;
use serde::Serialize;

use crate::settings::DEFAULT_CONFIG;

/// An FTP server in which copies between servers (FXP) are safe by default.
///
/// Without a subcommand it serves, in the foreground, until it is told to stop.
#[derive(Debug, Parser)]
#[command(name = "fxpd", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Args {
    /// The configuration file
    #[arg(long, short, global = true, value_name = "FILE", default_value = DEFAULT_CONFIG, env = "FXPD_CONFIG")]
    pub(crate) config: PathBuf,

    /// How to log, whatever the configuration says
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log: Option<Format>,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Human,
    /// One JSON object per line
    Json,
}

impl From<Format> for LogFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Human => LogFormat::Human,
            Format::Json => LogFormat::Json,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check the configuration and say what it means
    ///
    /// Reads what a start would read (configuration, certificate, homes) and changes nothing.
    /// Exits with 0 if fxpd would start, with 2 if not; warnings do not count.
    Check,

    /// Say whether a data connection would be allowed, and which rule decides
    ///
    /// Asks the function that the server asks, about the configuration as it stands; no server needs to run.
    /// Names in rules are resolved now. Without --active and --passive both are judged.
    /// Exits with 0 if everything asked about is allowed, with 3 if something is denied.
    Explain(Explain),

    /// Turn a password into what the configuration wants to see
    ///
    /// Asks for the password twice; if stdin is no terminal, takes its first line.
    /// Prints an argon2id hash for `password = "..."` under [[user]].
    Passwd,

    /// Write a commented configuration and a self-signed certificate
    ///
    /// Makes fxpd.toml, certificate.pem and key.pem in DIR, and replaces none of them.
    Init(Init),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Init {
    /// Where; made if it is missing
    #[arg(value_name = "DIR", default_value = "/etc/fxpd")]
    pub(crate) directory: PathBuf,

    /// A name or address under which clients know this server, for the certificate (repeatable;
    /// default: the name of this machine)
    #[arg(long = "name", value_name = "HOST")]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Explain {
    /// Who is logged in; "anonymous" for guests
    #[arg(long, value_name = "NAME")]
    pub(crate) user: String,

    /// The other end of the data connection: an address or a host name
    #[arg(long, value_name = "HOST")]
    pub(crate) peer: String,

    /// Which way the file goes, seen from this server
    #[arg(long, value_name = "WAY")]
    pub(crate) direction: Course,

    /// The file, as the user sees it: /incoming/a.iso
    #[arg(long)]
    pub(crate) path: String,

    /// Where the user is logged in from [default: some public host]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) client: Option<IpAddr>,

    /// This server connects to the peer, at this port (PORT, EPRT)
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "passive")]
    pub(crate) active: Option<u16>,

    /// The peer connects to this server (PASV, EPSV, CPSV)
    #[arg(long)]
    pub(crate) passive: bool,

    /// What the peer proves (PEER)
    #[arg(long, value_name = "PROOF", default_value = "none")]
    pub(crate) proof: Evidence,

    /// The data connection [default: private if there is a [tls], else clear]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) protection: Option<Shield>,

    /// Answer as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which way a file goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Course {
    /// Into this server
    In,
    /// Out of it
    Out,
}

/// What a peer proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Evidence {
    /// Nothing
    None,
    /// That it owns the certificate which the client expects (PEER EXPECT)
    Pin,
    /// That the client gave it the same key (PEER KEY)
    Key,
}

impl From<Evidence> for Proof {
    fn from(evidence: Evidence) -> Self {
        match evidence {
            Evidence::None => Proof::None,
            Evidence::Pin => Proof::Pin,
            Evidence::Key => Proof::Key,
        }
    }
}

/// What a data connection is inside of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shield {
    /// Nothing (PROT C)
    Clear,
    /// TLS (PROT P)
    Private,
}

impl From<Shield> for Protection {
    fn from(shield: Shield) -> Self {
        match shield {
            Shield::Clear => Protection::Clear,
            Shield::Private => Protection::Private,
        }
    }
}

impl From<Protection> for Shield {
    fn from(protection: Protection) -> Self {
        match protection {
            Protection::Clear => Shield::Clear,
            Protection::Private => Shield::Private,
        }
    }
}

const AFTER_HELP: &str = "\
Signals:
  SIGTERM, SIGINT  stop accepting, let running transfers end, then stop; a second one stops at once
  SIGHUP           read configuration, users, rules and certificate again; reopen the log file

Environment:
  FXPD_CONFIG      the configuration file, as --config
  FXPD_LOG         what to log, as `log.level`: a level (debug) or a filter (fxp_server=debug,info)

Exit codes:
  0  stopped as told       1  failed while starting or running       2  wrong usage or configuration
  3  explain: denied

First steps:
  fxpd init /etc/fxpd && fxpd passwd      write a configuration, make a password for it
  fxpd check                              see what it means
  fxpd explain --user alice --peer 198.51.100.7 --direction in --path /incoming
                                          see who may be copied from, and by which rule
  fxpd                                    serve";
