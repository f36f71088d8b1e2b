//! Listens to a survey, and puts each file before the judge: several are asked about at once, and what is known
//! meanwhile is not held up by them.

use std::sync::Arc;

use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;

use super::judge::{Judge, Likeness};
use super::survey::{Found, Sight};
use crate::report::Trouble;

/// A survey that is listened to.
pub(crate) struct Hearing {
    seen: Receiver<Sight>,
    /// The survey may tell more.
    goes_on: bool,
    judge: Arc<Judge>,
    asked: JoinSet<(Box<Found>, Result<Likeness, Trouble>)>,
}

/// What is heard.
pub(crate) enum Heard {
    /// Anything but a file.
    Sight(Sight),
    /// A file, and what the judge says of it.
    Judged(Box<Found>, Result<Likeness, Trouble>),
}

impl Hearing {
    pub(crate) fn new(seen: Receiver<Sight>, judge: Judge) -> Self {
        Hearing { seen, goes_on: true, judge: Arc::new(judge), asked: JoinSet::new() }
    }

    /// What comes next; `None` when the survey has ended and nobody is asked any more.
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        loop {
            tokio::select! {
                Some(answer) = self.asked.join_next(), if !self.asked.is_empty() => {
                    let (found, likeness) = answer.expect("a question neither panics nor is it aborted");
                    return Some(Heard::Judged(found, likeness));
                }
                sight = self.seen.recv(), if self.goes_on && self.asked.len() < MAX_ASKED => match sight {
                    Some(Sight::File(found)) => match self.judge.at_once(&found) {
                        Some(likeness) => return Some(Heard::Judged(found, Ok(likeness))),
                        None => self.ask(found),
                    },
                    Some(other) => return Some(Heard::Sight(other)),
                    None => self.goes_on = false,
                },
                else => return None,
            }
        }
    }

    fn ask(&mut self, found: Box<Found>) {
        let judge = self.judge.clone();
        self.asked.spawn(async move {
            let likeness = judge.ask(&found).await;
            (found, likeness)
        });
    }
}

/// Questions about files that wait for an answer: enough to keep a few sessions busy.
const MAX_ASKED: usize = 8;
