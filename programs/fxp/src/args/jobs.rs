//! `fxp jobs` and `fxp resume`: what was begun, and how it goes on.

/// Continue copies that were interrupted
///
/// Without a number: lists the jobs that are not finished, with how far they are. Every `fxp cp`, `fxp mv` and `fxp sync` is a
/// job; it is remembered without passwords, so --password-command has to be given again if it was given. A job is
/// continued where it was typed, with the options it was typed with; what is done is not sent again. (Typing the same
/// command again, in the same directory, does the same.)
#[derive(Debug, clap::Args)]
pub(crate) struct Resume {
    /// The job's number
    #[arg(value_name = "JOB")]
    pub(crate) job: Option<i64>,

    /// Drop a job; what it has copied stays where it is
    #[arg(long, value_name = "JOB", conflicts_with_all = ["job", "background"])]
    pub(crate) forget: Option<i64>,

    /// Continue in the background
    #[arg(long, requires = "job")]
    pub(crate) background: bool,

    /// This process is the one in the background
    #[arg(long, hide = true, requires = "job")]
    pub(crate) detached: bool,
}

/// Show what is copied now, and what was copied lately
///
/// The newest job comes first: its number, how it stands, when it began, how far it is, and what was typed. Jobs that
/// are done are remembered for a month.
#[derive(Debug, clap::Args)]
pub(crate) struct Jobs {
    /// Show older ones too
    #[arg(short, long)]
    pub(crate) all: bool,

    /// Stop a job that is running; `fxp resume` continues it
    #[arg(long, value_name = "JOB", conflicts_with = "all")]
    pub(crate) stop: Option<i64>,
}
