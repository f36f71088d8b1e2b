//! What can be typed. Nothing is decided here: `settings` makes one answer of arguments and
//! environment, and each file in `command/` does one subcommand.

mod amount;
mod doctor;
mod filter;
mod jobs;
mod site;
mod tree;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, Subcommand, ValueEnum, ValueHint};
use fxp_proto::grammar::rate::RateLimit;

use crate::exit::Exit;

pub(crate) use doctor::Doctor;
pub(crate) use filter::{Files, Filter, FilterCommand, FilterTest, RuleFlag, Rules};
pub(crate) use jobs::{Jobs, Resume};
pub(crate) use site::{Site, SiteAdd, SiteCommand, SiteImport, Trust, TrustCommand, YesNo};
pub(crate) use tree::{Algorithm, Check, Checksum, Hash, Sync, Tree, Usage};

/// The widest a help text gets: longer lines are tiring to read.
const HELP_WIDTH: usize = 100;

/// Copies files between FTP servers, directly from server to server.
///
/// The bytes of a direct copy never pass through this machine, however thin its line is: fxp logs in
/// to both servers and introduces them to each other. It says why two servers cannot talk and what
/// to change, and it never lowers the protection of the data unless told to.
#[derive(Debug, Parser)]
#[command(
    name = "fxp",
    version,
    max_term_width = HELP_WIDTH,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Try `fxp demo` first: it needs nothing but this machine.",
    after_long_help = after_long_help()
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command understands.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Show the dialogue with the servers; passwords are masked
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,

    /// Say nothing but errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Write events to stdout, one JSON object per line (docs/json.md)
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// TLS on control connections; overrides site and address
    ///
    /// Without this flag ftp:// uses TLS whenever the server offers it, and insists on it once it was
    /// seen there.
    #[arg(long, global = true, value_enum, value_name = "MODE")]
    pub(crate) tls: Option<Tls>,

    /// A shell command that prints the password
    ///
    /// It is run by `sh -c` with FXP_HOST and FXP_USER in its environment, so that one command can
    /// serve both servers; what it prints up to the first line break is the password.
    #[arg(long, global = true, value_name = "COMMAND")]
    pub(crate) password_command: Option<String>,

    /// Longest wait for a connection or a reply
    #[arg(long, global = true, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: Option<u64>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Cp(Copy),
    Ls(List),
    Cat(Cat),
    Rm(Remove),
    Mkdir(MakeDirectory),
    Mv(Move),
    Resume(Resume),
    Jobs(Jobs),
    Sync(Sync),
    Check(Check),
    Tree(Tree),
    Du(Usage),
    Hash(Hash),
    Filter(Filter),
    Doctor(Doctor),
    Site(Site),
    Trust(Trust),
    #[cfg(target_os = "linux")]
    Demo(Demo),
    Completions(Completions),
    Man(Man),
}

/// Copy files and trees between servers
///
/// A place is `site:path`, `ftp://user@host/path`, `ftpes://` (TLS required), `ftps://` (TLS from the
/// first byte) or a local path. Paths in URLs begin in the login directory; `//` makes them
/// absolute. As with rsync, a source that ends with a slash means what is in the directory, not the
/// directory itself.
///
/// Files arrive under NAME.fxp-part and get their name once they are verified, so an interrupted copy
/// leaves nothing half done under a final name, and the same command continues it. (A server that
/// refuses to rename gets them under their final name; the report says so.)
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "fxp cp [OPTIONS] <SRC>... <DST>",
    after_long_help = "Examples:
  fxp cp work:backup.tar archive:2026/
  fxp cp -r ftp://me@fat.example.org/photos/ ftpes://me@big.example.net/photos/
  fxp cp -n -r work:data archive:          only show plan and ladder
  fxp cp --via auto a:file b:              let it pass through here if the servers cannot talk
  fxp cp -r a:data b: --to c: --to d:      to three servers, which feed each other"
)]
pub(crate) struct Copy {
    /// Where the files are
    #[arg(value_name = "SRC", required = true, num_args = 1.., value_hint = ValueHint::AnyPath)]
    pub(crate) sources: Vec<OsString>,

    /// Where they go
    #[arg(value_name = "DST", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) destination: OsString,

    /// Another destination; may be given more than once
    ///
    /// Every copy that has arrived is a source for the other destinations, and so is a file that a destination has
    /// already, equal as usual: of n copies the source sends about log2 n itself. None brings a file with
    /// less protection or proof than the source could, unless --assurance names what is enough. -n shows who feeds whom. A
    /// slow or dead destination does not hold up the others. Each destination gets two files at a time, or as many as --lanes says.
    /// What is to be copied is held in memory: a destination may lack a million files at most.
    #[arg(long = "to", value_name = "DST", value_hint = ValueHint::AnyPath)]
    pub(crate) others: Vec<OsString>,

    #[command(flatten)]
    pub(crate) transfer: Transfer,
}

/// How bytes get from one server to another.
#[derive(Debug, clap::Args)]
pub(crate) struct Transfer {
    /// Copy directories with all that is in them
    #[arg(short, long)]
    pub(crate) recursive: bool,

    /// The road of the bytes
    #[arg(long, value_enum, default_value_t)]
    pub(crate) via: Via,

    /// Protection of the data [default: require if either control connection is TLS]
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(crate) secure: Option<Secure>,

    #[command(flatten)]
    pub(crate) joint: Joint,

    /// How the copy is compared with its source; the size always is
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub(crate) verify: Verify,

    /// What is enough to continue a broken-off file where no digest of a part can be compared [default: a note of the
    /// copy that began it]
    ///
    /// Where both servers compute a digest of a part, that alone decides. Without this flag a part is continued, too,
    /// if it is noted that an orderly end of an earlier copy of the same, unchanged source has left it.
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) resume: Option<Resumption>,

    /// Store under the final name at once, without .fxp-part
    #[arg(long)]
    pub(crate) inplace: bool,

    /// Show plan and ladder, copy nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    /// Have it done in the background, and print the job's number
    ///
    /// Questions are asked before; after that `fxp jobs` shows how far it is, and `fxp jobs --stop` stops it.
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) background: bool,

    /// Write what became of it into FILE, as one JSON object (docs/json.md)
    ///
    /// Failures, fallbacks, what was left out, every file of which only the size was compared, and the sums. It grows
    /// while the copy goes on, and is whole at any moment.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) report: Option<PathBuf>,

    /// Write each file that was copied or equal already into FILE, one JSON object a line (docs/manifest.md)
    ///
    /// Its path beneath the destination, size, digest, time, and how it came there or was judged equal, as soon as that is
    /// known: for `fxp check --manifest`. FILE is begun anew; what was only renamed is not in it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) manifest: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) files: Files,

    /// What becomes of symbolic links in directories; one that is named is followed in any case
    ///
    /// A link that leads back to a directory above it is never followed, nor one that leads nowhere: both are told and
    /// left out. What a move has copied from behind a link to a directory stays where it is. With `copy` targets are what
    /// they are at the source (ProFTPD makes them absolute); a link that the destination does not make is a failure.
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub(crate) links: Links,

    /// How often a file is tried again after a failure that may pass
    ///
    /// An attempt that brought the file further does not count, and the count begins anew. Further means by a hundredth of
    /// the file, but 64 KiB at least, and no more than 64 MiB are asked for; and the next attempt has to continue there
    /// (see --resume): where each begins at zero, all of them count. With 0 nothing is tried again.
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) retries: u32,

    /// Bytes a second of all files together, at most, such as 10M or 1.5M (M: 1024 times 1024; MB: a million)
    ///
    /// In a direct copy the bytes are not ours to slow down: one of the two servers must be able to (RATE, which fxpd
    /// knows), or it is an error before any data moves. With --via relay, and where one end is this machine, fxp does it.
    /// With --to each destination gets an equal share of it.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) bwlimit: Option<u64>,

    /// How many files are copied side by side [default: as many as help]
    ///
    /// Each lane has a session of its own with both servers. A server that has no room for so many gets fewer.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) lanes: Option<u8>,

    /// How long a destination without room is waited for, such as 90s, 15m or 2h
    ///
    /// All lanes pause, and go on when somebody has made room. Once that much time has passed in vain, files are refused
    /// one by one. 0 does not wait; nor does a copy to several destinations.
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = amount::time)]
    pub(crate) space_wait: Duration,

    /// Begin no file with which more than this would be transferred, such as 500M or 2T
    ///
    /// A file that is larger than this by itself is left, and the others are copied. Files that are on their way are finished;
    /// the exit code is 10. For a copy to one destination.
    #[arg(long, value_name = "SIZE", value_parser = crate::settings::size)]
    pub(crate) max_transfer: Option<u64>,

    /// Begin no file later than this, such as 90s, 15m or 2h
    ///
    /// Files that are on their way are finished; the exit code is 10. For a copy to one destination.
    #[arg(long, value_name = "TIME", value_parser = amount::time)]
    pub(crate) max_duration: Option<Duration>,
}

/// `1.5M`: bytes a second.
fn rate(typed: &str) -> Result<u64, String> {
    match crate::settings::size(typed)? {
        bytes @ RateLimit::LEAST..=RateLimit::MOST => Ok(bytes),
        _ => Err(format!("not between {} and {}", RateLimit::LEAST, RateLimit::MOST)),
    }
}

/// How the two servers are joined.
#[derive(Debug, clap::Args)]
pub(crate) struct Joint {
    /// The end that listens [default: the best rung of the ladder]
    #[arg(long, value_enum, value_name = "END")]
    pub(crate) passive: Option<End>,

    /// The end that plays TLS client in the data connection [default: the best rung of the ladder]
    #[arg(long, value_enum, value_name = "END")]
    pub(crate) tls_client: Option<End>,

    /// How the servers are joined [default: the best rung of the ladder]
    #[arg(long, value_enum)]
    pub(crate) method: Option<Method>,

    /// The least that a direct copy has to achieve; it is also enough [default: the best that the two can do]
    ///
    /// What it means is told after every copy. Nothing less is ever tried: if it cannot be reached, it is an error before
    /// any data moves. A relay (--via) satisfies all of them, since this machine has verified both servers.
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(crate) assurance: Option<Assurance>,
}

/// List files and directories
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// What to list
    #[arg(value_name = "PLACE", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) places: Vec<OsString>,

    /// Show mode, size and time
    #[arg(short, long)]
    pub(crate) long: bool,

    /// Show names that begin with a dot
    #[arg(short, long)]
    pub(crate) all: bool,
}

/// Print files to stdout
#[derive(Debug, clap::Args)]
pub(crate) struct Cat {
    /// What to print
    #[arg(value_name = "PLACE", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) places: Vec<OsString>,
}

/// Delete files and directories
#[derive(Debug, clap::Args)]
pub(crate) struct Remove {
    /// What to delete
    #[arg(value_name = "PLACE", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) places: Vec<OsString>,

    /// Delete directories with all that is in them
    #[arg(short, long)]
    pub(crate) recursive: bool,
}

/// Make directories
#[derive(Debug, clap::Args)]
pub(crate) struct MakeDirectory {
    /// What to make
    #[arg(value_name = "PLACE", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) places: Vec<OsString>,

    /// Make missing parents too, and do not mind if it is there
    #[arg(short, long)]
    pub(crate) parents: bool,
}

/// Move files and trees: rename on one server, copy and delete between servers
///
/// Between servers each file is copied, verified, and only then deleted at its source. Directories that were emptied so
/// are removed when everything was moved; if some stay, the summary says why.
#[derive(Debug, clap::Args)]
#[command(override_usage = "fxp mv [OPTIONS] <SRC>... <DST>")]
pub(crate) struct Move {
    /// What to move
    #[arg(value_name = "SRC", required = true, num_args = 1.., value_hint = ValueHint::AnyPath)]
    pub(crate) sources: Vec<OsString>,

    /// Where it goes
    #[arg(value_name = "DST", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) destination: OsString,

    #[command(flatten)]
    pub(crate) transfer: Transfer,
}

/// Show a copy between two servers that live only for this demonstration
///
/// Starts two FTP servers on 127.0.0.2 and 127.0.0.3, copies a small tree from one to the other,
/// compares SHA-256 on both sides, shows the dialogue with both servers side by side, and counts
/// where the bytes went. Nothing needs to be configured, and nothing is left behind.
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// The road of the bytes
    #[arg(long, value_enum, default_value_t)]
    pub(crate) via: Via,

    /// Protection of the data; `off` also switches off TLS on the control connections
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "require")]
    pub(crate) secure: Secure,

    #[command(flatten)]
    pub(crate) joint: Joint,
}

/// Print a completion script for a shell
///
/// For bash: `fxp completions bash > ~/.local/share/bash-completion/completions/fxp`
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// Print manual pages
///
/// To read one at once: `fxp man cp | man -l -`
#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// A subcommand; all of them if missing
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,

    /// Write every page to a file of its own in this directory
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "command", action = ArgAction::Set)]
    pub(crate) out: Option<PathBuf>,
}

/// `--tls`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tls {
    /// never; a password leaves in clear
    Off,
    /// when the server offers it
    Try,
    /// explicit TLS (AUTH TLS) or nothing
    Require,
    /// from the first byte, usually at port 990
    Implicit,
}

/// `--via`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Via {
    /// server to server or not at all
    #[default]
    Direct,
    /// through this machine, without touching its disk
    Relay,
    /// server to server, else through this machine
    Auto,
}

/// `--secure`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Secure {
    /// TLS or nothing
    Require,
    /// TLS if possible, and say so if not
    Prefer,
    /// in clear
    Off,
}

/// `--passive`, `--tls-client`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum End {
    /// the server that sends
    Source,
    /// the server that receives
    Destination,
}

/// `--method`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// in clear
    Plain,
    /// TLS; the end that listens is told so by CPSV
    Cpsv,
    /// TLS; one end is told to be TLS client by SSCN
    Sscn,
}

/// `--assurance`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Assurance {
    /// both servers prove who they are (both speak PEER)
    Mutual,
    /// only the intended destination can read the data (the source speaks PEER)
    Confidential,
    /// the data is the source's and nobody else's (the destination speaks PEER)
    Authentic,
    /// nobody can listen in passing; methods without proof may follow those with it
    Encrypted,
}

/// `--verify`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verify {
    /// digest where both servers offer a common one
    #[default]
    Auto,
    /// digest or failure
    Hash,
    /// size only
    Size,
}

/// `--links`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Links {
    /// they are left out, and told
    #[default]
    Skip,
    /// the files and directories that they lead to are taken in their place
    Follow,
    /// links like them are made (SITE SYMLINK, which fxpd and ProFTPD's mod_site_misc know)
    Copy,
}

/// `--resume`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Resumption {
    /// that it is not larger than the source
    Trust,
    /// nothing: only a digest is
    Prove,
    /// nothing: every file is begun anew
    Never,
}

fn after_long_help() -> String {
    let mut text = String::from(
        "Passwords, from the first of these that knows one (never from the command line):
  --password-command, the site's password_command, ~/.netrc, $FXP_PASSWORD, a question at the terminal

Environment:
  FXP_USER       the user where neither address, site nor netrc names one
  FXP_PASSWORD   the password where no command and no netrc entry knows one
  FXP_SITES      the file of sites [default: $XDG_CONFIG_HOME/fxp/sites.toml]
  FXP_KNOWN      the file of what was learned [default: $XDG_STATE_HOME/fxp/known.toml]
  FXP_STATE      the directory of the journal [default: $XDG_STATE_HOME/fxp]
  FXP_LOG        log filter for bug reports, such as `debug`; goes to stderr
  NETRC          the netrc file [default: ~/.netrc]
  NO_COLOR       no colours

Exit codes:
",
    );
    for exit in Exit::ALL {
        text.push_str(&format!("  {:<4} {}\n", exit.code(), exit.meaning()));
    }
    text.pop();
    text
}
