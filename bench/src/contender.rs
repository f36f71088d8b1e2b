//! A contender, which is a client and the servers it uses, and the row of a table that it becomes.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::ledger::{Ledger, Watch};

/// What a contender does in one round. Only [`Work::run`] is timed.
pub(crate) trait Work {
    /// Puts everything in place.
    fn prepare(&self) -> Result<()>;
    /// Does it; returns what the table compares, which is mostly the time it took.
    fn run(&self) -> Result<Duration>;
    /// Compares what arrived with what was sent, byte by byte or by digest, and removes it.
    fn check(&self) -> Result<()>;
    /// Packets on the client's lines so far; 0 where there are no lines.
    fn packets(&self) -> Result<u64> {
        Ok(0)
    }
}

/// Somebody who takes part.
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) is_ours: bool,
    /// What it takes part in.
    pub(crate) group: String,
    /// Whose cost is counted: source and destination, or server and client.
    pub(crate) ends: [Arc<Ledger>; 2],
    /// Whose memory is counted; none: both ends'.
    pub(crate) remembers: Vec<Arc<Ledger>>,
    pub(crate) work: Box<dyn Work>,
}

/// A contender that has been measured: a row of a table.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) is_ours: bool,
    samples: Vec<Sample>,
    /// Why it has no samples: in a round something did not arrive as it was sent.
    pub(crate) failure: Option<String>,
}

/// What one round took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) time: Duration,
    /// Processor time of each end.
    pub(crate) processor: [Duration; 2],
    /// The most bytes that those whose memory is counted held together.
    pub(crate) memory: u64,
    /// Packets on the client's lines.
    pub(crate) packets: u64,
}

impl Contender {
    /// One round.
    fn measure(&self) -> Result<Sample> {
        self.work.prepare().context("preparing")?;
        let spent = || -> Result<[Duration; 2]> {
            Ok([self.ends[0].processor_time()?, self.ends[1].processor_time()?])
        };
        let before = spent()?;
        let remembers = if self.remembers.is_empty() { self.ends.to_vec() } else { self.remembers.clone() };
        let (watch, packets) = (Watch::over(remembers), self.work.packets()?);
        let time = self.work.run();
        let memory = watch.peak();
        let after = spent()?;
        let time = time?;
        let crossed = self.work.packets()? - packets;
        self.work.check().context("checking")?;
        let processor = [after[0].saturating_sub(before[0]), after[1].saturating_sub(before[1])];
        Ok(Sample { time, processor, memory, packets: crossed })
    }
}

impl Row {
    fn of(contender: &Contender) -> Self {
        let Contender { name, is_ours, .. } = contender;
        Row { name: name.clone(), is_ours: *is_ours, samples: Vec::new(), failure: None }
    }

    fn fail(&mut self, why: String) {
        self.samples.clear();
        self.failure = why.lines().next().map(str::to_owned);
    }

    /// The middle of what `figure` says of each round.
    pub(crate) fn median<T: Ord + Copy + Default>(&self, figure: impl Fn(&Sample) -> T) -> T {
        let mut sorted: Vec<T> = self.samples.iter().map(figure).collect();
        sorted.sort();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    /// Smallest and largest time.
    pub(crate) fn spread(&self) -> (Duration, Duration) {
        let times = || self.samples.iter().map(|sample| sample.time);
        (times().min().unwrap_or_default(), times().max().unwrap_or_default())
    }
}

/// Runs every contender once per round, in turn; with `warm` a round more comes first, which warms memory and caches
/// and does not count. With `lenient` a peer that does not bring everything is told of in its row, and runs no more;
/// for our own programs that is an error always.
pub(crate) fn compete(
    rounds: u64,
    warm: bool,
    lenient: bool,
    contenders: Vec<Contender>,
) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = contenders.iter().map(Row::of).collect();
    for round in u64::from(!warm)..=rounds {
        for (contender, row) in contenders.iter().zip(&mut rows).filter(|(_, row)| row.failure.is_none()) {
            let who = || format!("{}, {}", contender.group, contender.name);
            eprintln!("round {round}: {}", who());
            match contender.measure().with_context(who) {
                Ok(sample) if round > 0 => row.samples.push(sample),
                Ok(_) => {}
                Err(error) if lenient && !contender.is_ours => {
                    eprintln!("failed: {error:#}");
                    row.fail(error.root_cause().to_string());
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(rows)
}

/// Runs a client to its end; how long it took, and what it wrote to stdout.
pub(crate) fn timed(mut command: Command) -> Result<(Duration, String)> {
    let begin = Instant::now();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    let elapsed = begin.elapsed();
    ensure!(
        output.status.success(),
        "{command:?} ended with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok((elapsed, String::from_utf8_lossy(&output.stdout).into_owned()))
}
