//! `fxp demo`: two servers, one copy, and where the bytes went.
//!
//! The servers are real ones on addresses of their own, and the copy is done by the very engine that
//! `fxp cp` uses: only servers, files and the ear that listens are the demonstration's.
//!
//! * [`tree`]: the files, and whether they are equal in the end.
//! * [`stage`]: the two servers and where they keep their files.
//! * [`dialogue`]: what was said to both servers, side by side.
//! * [`figures`]: what came of it, for people and for scripts.

mod dialogue;
mod figures;
mod stage;
mod tree;

use std::sync::Arc;
use std::time::Instant;

use fxp_engine::report::Report;
use fxp_engine::run::{self, Bounds, CopyRequest, ResumeChoice, Selection, VerifyChoice};

use self::dialogue::Dialogue;
use self::figures::Figures;
use self::stage::Stage;
use crate::args::{self, Secure};
use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::printer::Printer;
use crate::output::progress::Progress;
use crate::settings::Verbosity;

pub(super) async fn run(args: &args::Demo, desk: &Desk) -> Outcome<Exit> {
    let encrypted = args.secure != Secure::Off;
    let stage = Stage::set(encrypted)?;
    let dialogue = Arc::new(Dialogue::default());
    // Whatever happens from here on, the stage is cleared before anything is judged.
    let ran = perform(args, desk, &stage, dialogue.clone()).await;
    let counts = stage.counts();
    let equal = tree::compare(&stage.source.root(), &stage.destination.root());
    let names = stage.names();
    stage.clear().await;

    let screen = Screen {
        printer: Printer::new(Progress::new(false)),
        wanted: !desk.settings.json && desk.settings.verbosity != Verbosity::Quiet,
    };
    screen.show(&figures::opening(&names, encrypted));
    let length = match desk.settings.verbosity {
        Verbosity::Verbose => dialogue::Length::Whole,
        _ => dialogue::Length::FirstFile,
    };
    screen.show(&dialogue.columns(&names, length));
    let (report, elapsed) = ran?;
    if let Some(failed) = report.failures.into_iter().next() {
        return Err(failed.trouble.into());
    }
    let digests = equal?;
    let figures = Figures::new(&report.files, report.directories, counts, digests, elapsed, names);
    if desk.settings.json {
        // A reader who has seen enough is no trouble.
        let _ = screen.printer.data(&figures.json());
    }
    screen.show(&figures.closing());
    Ok(Exit::Done)
}

/// The copy itself.
async fn perform(
    args: &args::Demo,
    desk: &Desk,
    stage: &Stage,
    dialogue: Arc<Dialogue>,
) -> Outcome<(Report, std::time::Duration)> {
    let context = stage.context(desk.settings.timeout, dialogue)?;
    let request = CopyRequest {
        sources: vec![stage.source.address(tree::NAME)],
        destination: stage.destination.address(""),
        others: Vec::new(),
        recursive: true,
        via: args.via.into(),
        policy: args.joint.policy(Some(args.secure)),
        verify: VerifyChoice::Auto,
        resume: ResumeChoice::Noted,
        inplace: false,
        dry_run: false,
        retries: 0,
        // The dialogue is to be read: one file after the other.
        lanes: Some(1),
        selection: Selection::default(),
        bwlimit: None,
        bounds: Bounds::default(),
    };
    desk.listen_for_interrupt();
    let began = Instant::now();
    // Both servers end with the demonstration, so a copy may be dropped in the middle.
    let copy = async { Ok(run::copy(request, &context, desk.interrupt.stop()).await?) };
    let report = desk.unless_interrupted(copy).await?;
    Ok((report, began.elapsed()))
}

/// Where a person reads the demonstration.
struct Screen {
    printer: Printer,
    /// False for scripts and in quiet mode.
    wanted: bool,
}

impl Screen {
    fn show(&self, lines: &[String]) {
        if self.wanted {
            // A reader who has seen enough is no trouble.
            let _ = lines.iter().try_for_each(|line| self.printer.data(line));
        }
    }
}

/// What cannot be set up on this machine.
fn unfit(what: &str, error: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Limit, what).because(error)
}
