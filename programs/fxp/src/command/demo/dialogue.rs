//! What was said to both servers, side by side.
//!
//! Rows are read from left to right and from top to bottom, and so keep the order in which things were
//! said; only the two logins, which have nothing to do with each other, stand beside each other.

use std::sync::Mutex;

use fxp_client::transcript::{Line, Speaker};
use fxp_engine::context::Observer;
use fxp_engine::report::Event;

use super::stage::Names;
use crate::output::printer::{DESTINATION, LABEL, SOURCE, styled};
use crate::output::transcript;

/// The narrowest screen that two columns make sense on, and the width where there is no screen.
const NARROWEST: usize = 60;
const USUAL: usize = 100;
/// Wider columns only move the two sides apart.
const WIDEST: usize = 140;

/// The sign between the columns.
const BETWEEN: &str = " | ";

/// The ear of the demonstration.
#[derive(Debug, Default)]
pub(super) struct Dialogue {
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    lines: Vec<(Side, Line)>,
    /// How many lines belong to the login, left and right.
    logins: [usize; 2],
    /// How many lines there were when the first file was done.
    first_file: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// All of it.
    Whole,
    /// Up to the end of the first file, because the others go the same way, and without the lines of
    /// long replies.
    FirstFile,
}

impl Observer for Dialogue {
    fn event(&self, event: Event) {
        let mut heard = self.heard.lock().expect("no holder of the lock panics");
        match event {
            Event::Connected { leg, .. } => heard.logged_in(Side::of(leg)),
            Event::Done { .. } => {
                let lines = heard.lines.len();
                heard.first_file.get_or_insert(lines);
            }
            _ => {}
        }
    }

    fn line(&self, leg: &str, line: Line) {
        self.heard.lock().expect("no holder of the lock panics").lines.push((Side::of(leg), line));
    }
}

impl Side {
    fn of(leg: &str) -> Self {
        if leg == "source" { Side::Left } else { Side::Right }
    }
}

impl Heard {
    /// What was said on this side so far was its login; later ones belong to the work.
    fn logged_in(&mut self, side: Side) {
        let said = self.lines.iter().filter(|(spoken, _)| *spoken == side).count();
        let login = &mut self.logins[side as usize];
        if *login == 0 {
            *login = said;
        }
    }

    /// The rows of what is shown, and how many lines are left out.
    fn rows(&self, length: Length) -> (Vec<Row>, usize) {
        let shown = match length {
            Length::Whole => self.lines.len(),
            Length::FirstFile => self.first_file.unwrap_or(self.lines.len()),
        };
        let (mut logins, mut work) = ([Vec::new(), Vec::new()], Vec::new());
        for (side, line) in &self.lines[..shown] {
            let login = &mut logins[*side as usize];
            if login.len() < self.logins[*side as usize] {
                login.push(Said::of(line));
            } else {
                work.push((*side, Said::of(line)));
            }
        }
        if length == Length::FirstFile {
            logins = logins.map(fold);
        }
        let mut rows = beside(logins);
        rows.extend(pair_up(work));
        (rows, self.lines.len() - shown)
    }
}

impl Dialogue {
    /// Two columns, as wide as the screen.
    pub(super) fn columns(&self, names: &Names, length: Length) -> Vec<String> {
        let columns = Columns::of_screen();
        let mut lines = vec![
            columns.row(
                &Cell::plain(format!("source {}", names.source), SOURCE),
                &Cell::plain(format!("destination {}", names.destination), DESTINATION),
            ),
            columns.rule(),
        ];
        let (rows, left_out) = self.heard.lock().expect("no holder of the lock panics").rows(length);
        lines.extend(rows.iter().map(|(left, right)| {
            let cell = |said: &Option<Said>, style| {
                said.as_ref().map_or_else(Cell::default, |said| Cell::spoken(said, style))
            };
            columns.row(&cell(left, SOURCE), &cell(right, DESTINATION))
        }));
        if left_out > 0 {
            let more =
                format_args!("... {left_out} lines more: the other files go the same way; -v shows all");
            lines.push(styled(LABEL, more));
        }
        lines.push(String::new());
        lines
    }
}

/// What stands in one cell.
#[derive(Clone, Debug)]
struct Said {
    from: Speaker,
    text: String,
}

/// What stands beside each other: on the left the source.
type Row = (Option<Said>, Option<Said>);

impl Said {
    fn of(line: &Line) -> Self {
        Said { from: line.from, text: line.text.clone() }
    }
}

/// A long reply of many lines becomes its first one, with their number.
fn fold(lines: Vec<Said>) -> Vec<Said> {
    let mut folded: Vec<Said> = Vec::new();
    let mut rest = lines.into_iter().peekable();
    while let Some(mut said) = rest.next() {
        let code = said.text.get(..4).filter(|head| head.ends_with('-')).map(|head| head[..3].to_owned());
        if let (Speaker::Server, Some(code)) = (said.from, code) {
            let mut number = 1;
            for line in rest.by_ref() {
                number += 1;
                if line.text.starts_with(&format!("{code} ")) {
                    break;
                }
            }
            said.text = format!("{} ... {number} lines", said.text);
        }
        folded.push(said);
    }
    folded
}

/// Two stories that have nothing to do with each other.
fn beside([left, right]: [Vec<Said>; 2]) -> Vec<Row> {
    let rows = left.len().max(right.len());
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    (0..rows).map(|_| (left.next(), right.next())).collect()
}

/// One story: what is said on the right shares the row of what was said on the left just before.
fn pair_up(lines: Vec<(Side, Said)>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (side, said) in lines {
        match (side, rows.last_mut()) {
            (Side::Right, Some((_, right @ None))) => *right = Some(said),
            (Side::Right, _) => rows.push((None, Some(said))),
            (Side::Left, _) => rows.push((Some(said), None)),
        }
    }
    rows
}

/// Two columns of the same width.
struct Columns {
    width: usize,
}

impl Columns {
    fn of_screen() -> Self {
        let screen = terminal_size::terminal_size_of(std::io::stdout())
            .map(|(width, _)| usize::from(width.0))
            .or_else(|| std::env::var("COLUMNS").ok()?.parse().ok())
            .unwrap_or(USUAL);
        Columns { width: (screen.clamp(NARROWEST, WIDEST) - BETWEEN.len()) / 2 }
    }

    fn row(&self, left: &Cell, right: &Cell) -> String {
        let (left_text, left_length) = left.fit(self.width);
        let (right_text, _) = right.fit(self.width);
        let gap = " ".repeat(self.width - left_length);
        format!("{left_text}{gap}{BETWEEN}{right_text}").trim_end().to_owned()
    }

    fn rule(&self) -> String {
        let dashes = "-".repeat(self.width);
        styled(LABEL, format_args!("{dashes}-+-{dashes}"))
    }
}

/// What stands in one column of one row.
#[derive(Default)]
struct Cell {
    text: String,
    style: anstyle::Style,
}

impl Cell {
    fn plain(text: String, style: anstyle::Style) -> Self {
        Cell { text, style }
    }

    /// What we say is coloured by its leg, what a server says is plain, remarks are faint.
    fn spoken(said: &Said, style: anstyle::Style) -> Self {
        let style = match said.from {
            Speaker::Client => style,
            Speaker::Server => anstyle::Style::new(),
            Speaker::Note => LABEL,
        };
        Cell { text: format!("{} {}", transcript::mark(said.from), said.text), style }
    }

    /// The text cut to `width` characters, and how many it has.
    fn fit(&self, width: usize) -> (String, usize) {
        let length = self.text.chars().count();
        if length <= width {
            return (styled(self.style, &self.text), length);
        }
        let cut: String = self.text.chars().take(width - 1).chain(['~']).collect();
        (styled(self.style, cut), width)
    }
}

#[cfg(test)]
mod tests;
