//! What was measured, as a table in Markdown.

use std::fmt::{self, Display};
use std::time::Duration;

use crate::contender::{Row, Sample};
use crate::far;
use crate::scenario::Figures;

/// One table.
pub(crate) struct Table {
    pub(crate) title: String,
    /// A paragraph of what was done and what is counted.
    pub(crate) about: String,
    /// What the two columns of processor time are headed.
    pub(crate) ends: [&'static str; 2],
    pub(crate) figures: Figures,
    pub(crate) rows: Vec<Row>,
}

const GIB: f64 = (1_u64 << 30) as f64;

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## {}\n\n{}\n", self.title, self.about)?;
        let [first, second] = self.ends;
        let (speed, cost) = match self.figures {
            Figures::Bulk { .. } => (" GB/s |", format!(" CPU s/GiB {first} | {second} |")),
            Figures::Files { .. } => (" files/s |", format!(" CPU ms/file {first} | {second} |")),
            Figures::Far { bound, .. } => (
                match bound {
                    Some(_) => " files/s | RTT/file | share of a lane's bound | packets/file |",
                    None => " files/s | RTT/file | packets/file |",
                },
                format!(" CPU ms/file {first} | {second} |"),
            ),
            Figures::Delay => ("", format!(" CPU ms {first} | {second} |")),
        };
        writeln!(f, "| who | median s | min to max s |{speed}{cost} peak MiB | ratio to the best peer |")?;
        writeln!(f, "|---|---|---|{}---|---|---|---|", "---|".repeat(speed.matches('|').count()))?;
        self.rows.iter().try_for_each(|row| self.row(row, f))
    }
}

impl Table {
    fn row(&self, row: &Row, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(failure) = &row.failure {
            return writeln!(f, "| {} | failed: {failure} |", row.name);
        }
        let median = row.median(|sample| sample.time);
        let (least, most) = row.spread();
        write!(
            f,
            "| {} | {:.3} | {:.3} to {:.3} |",
            row.name,
            median.as_secs_f64(),
            least.as_secs_f64(),
            most.as_secs_f64()
        )?;
        let cost = |end: usize| row.median(|sample: &Sample| sample.processor[end]).as_secs_f64();
        match self.figures {
            Figures::Bulk { bytes } => {
                let gibibytes = bytes as f64 / GIB;
                write!(f, " {:.2} |", bytes as f64 / 1e9 / median.as_secs_f64())?;
                write!(f, " {:.2} | {:.2} |", cost(0) / gibibytes, cost(1) / gibibytes)?;
            }
            Figures::Files { files } => {
                write!(f, " {:.0} |", files as f64 / median.as_secs_f64())?;
                write!(f, " {:.2} | {:.2} |", cost(0) * 1e3 / files as f64, cost(1) * 1e3 / files as f64)?;
            }
            Figures::Far { files, bound } => {
                let (files, seconds) = (files as f64, median.as_secs_f64());
                let packets = row.median(|sample| sample.packets) as f64;
                write!(f, " {:.1} |", files / seconds)?;
                let each = seconds * 1e3 / files;
                write!(f, " {:.2} |", each / far::CLIENT_RTT as f64)?;
                if let Some(bound) = bound {
                    write!(f, " {:.2} |", bound.milliseconds / each)?;
                }
                write!(f, " {:.1} |", packets / files)?;
                write!(f, " {:.2} | {:.2} |", cost(0) * 1e3 / files, cost(1) * 1e3 / files)?;
            }
            Figures::Delay => write!(f, " {:.1} | {:.1} |", cost(0) * 1e3, cost(1) * 1e3)?,
        }
        let memory = row.median(|sample| sample.memory) as f64 / f64::from(1 << 20);
        writeln!(f, " {memory:.1} | {} |", self.ratio(median))
    }

    /// How many times faster than the best of the others; for the best of the others that is 1.
    fn ratio(&self, median: Duration) -> String {
        let theirs = self.rows.iter().filter(|row| !row.is_ours && row.failure.is_none());
        match theirs.map(|row| row.median(|sample| sample.time)).min() {
            Some(best) => format!("{:.2}", best.as_secs_f64() / median.as_secs_f64()),
            None => "-".to_owned(),
        }
    }

    /// One line for whoever waits: our row's ratio.
    pub(crate) fn verdict(&self) -> String {
        let ours = self.rows.iter().filter(|row| row.is_ours);
        let ratios: Vec<String> = ours
            .map(|row| format!("{} {}", row.name, self.ratio(row.median(|sample| sample.time))))
            .collect();
        format!("{}: {}", self.title, ratios.join(", "))
    }
}
