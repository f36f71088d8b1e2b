//! What was said to both servers, side by side, in the order in which it was said.

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
    /// Up to the end of the first file: the others go the same way.
    FirstFile,
}

impl Observer for Dialogue {
    fn event(&self, event: Event) {
        if let Event::Done(_) = event {
            let mut heard = self.heard.lock().expect("no holder of the lock panics");
            let lines = heard.lines.len();
            heard.first_file.get_or_insert(lines);
        }
    }

    fn line(&self, leg: &str, line: Line) {
        let side = if leg.starts_with("source") { Side::Left } else { Side::Right };
        self.heard.lock().expect("no holder of the lock panics").lines.push((side, line));
    }
}

impl Dialogue {
    /// Two columns, as wide as the screen.
    pub(super) fn columns(&self, names: &Names, length: Length) -> Vec<String> {
        let heard = self.heard.lock().expect("no holder of the lock panics");
        let shown = match length {
            Length::Whole => heard.lines.len(),
            Length::FirstFile => heard.first_file.unwrap_or(heard.lines.len()),
        };
        let columns = Columns::of_screen();
        let mut lines = vec![
            columns.row(
                &Cell::plain(format!("source {}", names.source), SOURCE),
                &Cell::plain(format!("destination {}", names.destination), DESTINATION),
            ),
            columns.rule(),
        ];
        lines.extend(pair_up(&heard.lines[..shown]).iter().map(|(left, right)| {
            let cell = |line: &Option<&Line>, style| {
                line.map_or_else(Cell::default, |line| Cell::spoken(line, style))
            };
            columns.row(&cell(left, SOURCE), &cell(right, DESTINATION))
        }));
        let left_out = heard.lines.len() - shown;
        if left_out > 0 {
            lines.push(styled(
                LABEL,
                format_args!("... {left_out} lines more, the same way for the other files; -v shows them"),
            ));
        }
        lines.push(String::new());
        lines
    }
}

/// Rows in the order of the dialogue, read from left to right and from top to bottom: something said on
/// the right shares the row of what was said on the left just before.
fn pair_up(lines: &[(Side, Line)]) -> Vec<(Option<&Line>, Option<&Line>)> {
    let mut rows: Vec<(Option<&Line>, Option<&Line>)> = Vec::new();
    for (side, line) in lines {
        match (side, rows.last_mut()) {
            (Side::Right, Some((_, right @ None))) => *right = Some(line),
            (Side::Right, _) => rows.push((None, Some(line))),
            (Side::Left, _) => rows.push((Some(line), None)),
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
    fn spoken(line: &Line, style: anstyle::Style) -> Self {
        let style = match line.from {
            Speaker::Client => style,
            Speaker::Server => anstyle::Style::new(),
            Speaker::Note => LABEL,
        };
        Cell { text: format!("{} {}", transcript::mark(line.from), line.text), style }
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
mod tests {
    use std::time::Duration;

    use super::*;

    fn lines(spoken: &str) -> Vec<(Side, Line)> {
        spoken
            .split_whitespace()
            .map(|word| {
                let (side, text) = word.split_at(1);
                let line = Line { at: Duration::ZERO, from: Speaker::Client, text: text.to_owned() };
                (if side == "<" { Side::Left } else { Side::Right }, line)
            })
            .collect()
    }

    #[test]
    fn rows_keep_the_order() {
        let rows = [
            ("<a >b <c >d", "a b, c d"),
            ("<a <b >c >d", "a -, b c, - d"),
            (">a <b", "- a, b -"),
            (">a >b <c", "- a, - b, c -"),
            ("", ""),
        ];
        for (spoken, expected) in rows {
            let lines = lines(spoken);
            let word = |line: Option<&Line>| line.map_or("-".to_owned(), |line| line.text.clone());
            let got: Vec<String> = pair_up(&lines)
                .into_iter()
                .map(|(left, right)| format!("{} {}", word(left), word(right)))
                .collect();
            assert_eq!(got.join(", "), expected, "{spoken}");
        }
    }

    #[test]
    fn cells_are_cut_to_the_column() {
        let columns = Columns { width: 8 };
        let cell = |text: &str| Cell::plain(text.to_owned(), anstyle::Style::new());
        let rows = [
            ("short", "x", "short    | x"),
            ("just fit", "x", "just fit | x"),
            ("too long for it", "the same here", "too lon~ | the sam~"),
            ("", "right", "         | right"),
            ("left", "", "left     |"),
        ];
        for (left, right, expected) in rows {
            assert_eq!(columns.row(&cell(left), &cell(right)), expected);
        }
    }
}
