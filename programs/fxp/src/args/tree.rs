//! Whole trees: made equal, compared, shown, counted, digested.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ValueEnum, ValueHint};

use super::{Files, Links, Rules, Transfer};

/// Make a tree at the destination equal to the source: one way, only what differs
///
/// Paths mean what they mean to `fxp cp`: `site:photos` goes into the destination as `photos`, of `site:photos/` what is
/// in it. Files count as equal if size and time are; that the times of copies can be compared at all is why copies get
/// the times of their sources. How exactly a server tells times, in which zone, and whether it lets them be set is learned
/// from copies and remembered (`fxp site show`); the plan and the summary say how times are compared. --checksum compares
/// contents.
///
/// Where listings tell times to the minute, a file that is written again at the same size in the minute of its copy looks
/// equal. Both servers are asked for the seconds of what this journal knows to have been copied so soon after its time. What
/// another program or another machine has copied, -n and `fxp check` are judged by the minute: --checksum sees all of it.
///
/// With --delete, what stands at the destination only is deleted, but never what a rule leaves out (as rsync), and never
/// beneath a directory that could not be listed at the source. Where one side has a directory and the other a file or a
/// link of that name, what the destination has makes way just before the copy takes its place; without --delete that is an
/// error.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "fxp sync [OPTIONS] <SRC> <DST>",
    after_long_help = "Examples:
  fxp sync work:photos/ archive:photos/
  fxp sync --delete --delete-limit 100 --exclude '*.tmp' work:data/ archive:data/
  fxp sync -n --delete work:data/ archive:data/     only show what would be done"
)]
pub(crate) struct Sync {
    /// What is copied
    #[arg(value_name = "SRC", value_hint = ValueHint::AnyPath)]
    pub(crate) source: OsString,

    /// Where it goes
    #[arg(value_name = "DST", value_hint = ValueHint::AnyPath)]
    pub(crate) destination: OsString,

    /// Compare sizes only, not times
    #[arg(long, conflicts_with = "checksum")]
    pub(crate) size_only: bool,

    /// Compare digests that both servers compute, whatever the times say
    #[arg(long)]
    pub(crate) checksum: bool,

    /// Delete what stands at the destination only
    #[arg(long)]
    pub(crate) delete: bool,

    /// If more than COUNT files and directories would be deleted, delete none (exit code 10)
    #[arg(long, value_name = "COUNT", requires = "delete")]
    pub(crate) delete_limit: Option<u64>,

    /// Delete when everything has been copied, not while it is
    #[arg(long, requires = "delete")]
    pub(crate) delete_after: bool,

    /// Delete at the destination what the rules leave out, too
    #[arg(long, requires = "delete")]
    pub(crate) delete_excluded: bool,

    #[command(flatten)]
    pub(crate) transfer: Transfer,
}

/// Compare a source with a destination, and change nothing
///
/// Paths mean what they mean to `fxp cp` and `fxp sync`: after a copy the same two arguments compare what was copied.
/// Digests are computed by the servers, several at once; where the two have none in common, only sizes are compared, and
/// the report says of which files no more is known than that.
///
/// With --manifest one place is compared with what a copy has written down: sizes, and digests where the manifest has
/// one that the place computes. Paths begin in the place, or it is one of the files itself.
///
/// The exit code is 0 if both are equal as far as was compared, and 9 if anything differs, stands on one side only, or
/// could not be compared, be it that a digest which both compute could not be had however often it was asked for.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "fxp check [OPTIONS] <SRC> <DST>\n       fxp check [OPTIONS] --manifest <FILE> <PLACE>",
    after_long_help = "Examples:
  fxp check work:photos/ archive:photos/
  fxp check --size-only work:data archive:
  fxp check --manifest photos.manifest archive:photos/"
)]
pub(crate) struct Check {
    /// What was copied; with --manifest the place that is compared with it
    #[arg(value_name = "SRC", value_hint = ValueHint::AnyPath)]
    pub(crate) source: OsString,

    /// Where it went
    #[arg(
        value_name = "DST",
        value_hint = ValueHint::AnyPath,
        required_unless_present = "manifest",
        conflicts_with = "manifest"
    )]
    pub(crate) destination: Option<OsString>,

    /// Compare with what `fxp cp --manifest FILE` (or mv, sync) wrote, instead of with a source
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) manifest: Option<PathBuf>,

    /// Compare sizes only
    #[arg(long, conflicts_with = "checksum")]
    pub(crate) size_only: bool,

    /// Whether digests are compared
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) checksum: Checksum,

    /// What becomes of symbolic links in the source's directories, as in `fxp cp`
    #[arg(long, value_enum, default_value_t, value_name = "HOW", conflicts_with = "manifest")]
    pub(crate) links: Links,

    /// How often something is asked again that had no answer for a reason that may pass
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) retries: u32,

    /// Show what is equal, too
    #[arg(short, long)]
    pub(crate) all: bool,

    #[command(flatten)]
    pub(crate) files: Files,
}

/// `fxp check --checksum`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Checksum {
    /// where the two servers have a digest in common
    #[default]
    Auto,
    /// a file without a digest counts as different
    Always,
    /// sizes and times instead
    Never,
}

/// Show directories with all that is in them
#[derive(Debug, clap::Args)]
pub(crate) struct Tree {
    /// What to show
    #[arg(value_name = "PLACE", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) places: Vec<OsString>,

    /// How deep to go; 1 is what is in the place itself
    #[arg(short = 'L', long, value_name = "LEVELS", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) depth: Option<u16>,

    /// Show directories only
    #[arg(short, long)]
    pub(crate) directories: bool,

    #[command(flatten)]
    pub(crate) files: Files,
}

/// Count files and bytes in directories
///
/// Sizes are those of the files, not of the disk blocks that they take.
#[derive(Debug, clap::Args)]
pub(crate) struct Usage {
    /// What to count
    #[arg(value_name = "PLACE", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) places: Vec<OsString>,

    /// Show directories down to this depth; 0 is the place itself [default: all]
    #[arg(short, long, value_name = "LEVELS")]
    pub(crate) depth: Option<u16>,

    /// Show the places themselves only, as --depth 0
    #[arg(short, long, conflicts_with = "depth")]
    pub(crate) summarize: bool,

    /// Show exact numbers of bytes
    #[arg(short, long)]
    pub(crate) bytes: bool,

    #[command(flatten)]
    pub(crate) files: Files,
}

/// Print digests of files, computed by their servers
///
/// Lines are those of `sha256sum` and its kin. Nothing is read through this machine; a server that computes no digests is
/// an error that says so.
#[derive(Debug, clap::Args)]
pub(crate) struct Hash {
    /// Files, or with -r directories
    #[arg(value_name = "PLACE", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) places: Vec<OsString>,

    /// Which digest [default: the best that the server computes]
    #[arg(short, long, value_enum)]
    pub(crate) algorithm: Option<Algorithm>,

    /// All files in directories
    #[arg(short, long)]
    pub(crate) recursive: bool,

    /// How often something is asked again that had no answer for a reason that may pass
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) retries: u32,

    #[command(flatten)]
    pub(crate) rules: Rules,
}

/// `fxp hash --algorithm`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Algorithm {
    Sha256,
    Sha512,
    Sha1,
    Md5,
    Crc32,
}
