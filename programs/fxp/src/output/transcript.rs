//! One line of a dialogue, as `-v` shows it. Secrets were masked before they came here.

use fxp_client::transcript::{Line, Speaker};

use super::printer::{DESTINATION, LABEL, SOURCE, styled};

/// `source       > RETR a.txt`: whose leg, who speaks, what.
pub(crate) fn line(leg: &str, line: &Line) -> String {
    let style = match leg {
        "source" => SOURCE,
        "destination" => DESTINATION,
        _ => LABEL,
    };
    format!("{} {} {}", styled(style, format_args!("{leg:<11}")), mark(line.from), line.text)
}

/// Who speaks, in one character.
pub(crate) fn mark(speaker: Speaker) -> char {
    match speaker {
        Speaker::Client => '>',
        Speaker::Server => '<',
        Speaker::Note => '*',
    }
}

/// Who speaks, in one word.
pub(crate) fn word(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::Client => "client",
        Speaker::Server => "server",
        Speaker::Note => "note",
    }
}
