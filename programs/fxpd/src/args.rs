//! What can be typed.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use fxp_server::config::LogFormat;

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

const AFTER_HELP: &str = "\
Signals:
  SIGTERM, SIGINT  stop accepting, let running transfers end, then stop; a second one stops at once
  SIGHUP           read configuration, users, rules and certificate again; reopen the log file

Environment:
  FXPD_CONFIG      the configuration file, as --config
  FXPD_LOG         what to log, as `log.level`: a level (debug) or a filter (fxp_server=debug,info)

Exit codes:
  0  stopped as told       1  failed while starting or running       2  wrong usage or configuration

First steps:
  fxpd init /etc/fxpd && fxpd passwd      write a configuration, make a password for it
  fxpd check                              see what it means
  fxpd                                    serve";
