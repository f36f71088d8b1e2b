//! `fxp cat`: files to stdout, byte by byte as they are.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fxp_engine::place;

use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};
use crate::settings::addresses;

pub(super) async fn run(args: &args::Cat, desk: &Desk) -> Outcome<Exit> {
    if desk.settings.json {
        return Err(Failure::usage(
            "`fxp cat` writes the file itself to stdout, there is no room for --json",
        ));
    }
    let places = addresses(&args.places)?;
    let context = desk.context()?;
    desk.listen_for_interrupt();
    let is_closed = Arc::new(AtomicBool::new(false));
    let done = desk
        .for_each(&places, async |address| {
            let sink = Box::new(Sink { is_closed: is_closed.clone() });
            place::cat(address, &context, sink, desk.interrupt.stop()).await?;
            Ok(())
        })
        .await;
    match done {
        // Somebody downstream has seen enough: `fxp cat | head`.
        _ if is_closed.load(Ordering::Relaxed) && !desk.interrupt.came() => Ok(Exit::Done),
        done => done,
    }
}

/// Stdout, and whether somebody still reads it.
struct Sink {
    is_closed: Arc<AtomicBool>,
}

impl Sink {
    fn watch<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            self.is_closed.store(true, Ordering::Relaxed);
        }
        result
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.watch(io::stdout().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.watch(io::stdout().flush())
    }
}
