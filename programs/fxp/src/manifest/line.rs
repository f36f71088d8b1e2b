//! One line of a manifest.

use fxp_engine::proto::pair::method::Method;
use fxp_engine::report::{Equality, FileReport, Placed, Unchanged, Verification};
use serde::Serialize;

use crate::output::{assurance_word, route_word};

/// One file.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    path: String,
    /// The bytes of a path that is not UTF-8, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    /// Where there are several destinations.
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<String>,
    size: u64,
    algorithm: Option<&'a str>,
    digest: Option<&'a str>,
    modified: Option<String>,
    time_kept: bool,
    /// How a file that was there already was judged equal.
    unchanged: Option<&'a str>,
    route: Option<&'a str>,
    method: Option<&'a str>,
    assurance: Option<&'a str>,
    attempts: u32,
}

impl<'a> Line<'a> {
    /// A file that was copied.
    pub(super) fn copied(file: &'a FileReport, placed: &Placed) -> Self {
        let (algorithm, digest) = verified(&file.verified);
        Line {
            algorithm,
            digest,
            time_kept: file.time_kept,
            route: Some(route_word(file.route)),
            method: file.method.as_ref().map(Method::word),
            assurance: Some(assurance_word(file.assurance)),
            attempts: file.attempts,
            ..Line::standing(placed, file.size)
        }
    }

    /// A file that was there already; `None` if nobody tells its size.
    pub(super) fn unchanged(file: &'a Unchanged) -> Option<Self> {
        let (algorithm, digest) = match &file.how {
            Equality::Digest { algorithm, hex } => (Some(*algorithm), Some(hex.as_str())),
            Equality::Brought(verification) => verified(verification),
            Equality::Time | Equality::NotNewer | Equality::Size => (None, None),
        };
        let unchanged = Some(match file.how {
            Equality::Digest { .. } => "digest",
            Equality::Time => "time",
            Equality::NotNewer => "not_newer",
            Equality::Size => "size",
            Equality::Brought(_) => "earlier_run",
        });
        let line = Line::standing(&file.placed, file.size?);
        Some(Line { algorithm, digest, time_kept: file.time_kept, unchanged, ..line })
    }

    fn standing(placed: &Placed, size: u64) -> Self {
        let text = placed.path.to_text();
        let bytes = text.as_bytes().strip_prefix(b"/").unwrap_or(text.as_bytes());
        let (path, path_bytes) = match std::str::from_utf8(bytes) {
            Ok(path) => (path.to_owned(), None),
            Err(_) => (String::from_utf8_lossy(bytes).into_owned(), Some(hex(bytes))),
        };
        let modified = placed.modified.and_then(|time| {
            Some(jiff::Timestamp::new(time.seconds, time.nanoseconds.try_into().ok()?).ok()?.to_string())
        });
        Line {
            path,
            path_bytes,
            destination: placed.destination.clone(),
            size,
            algorithm: None,
            digest: None,
            modified,
            time_kept: false,
            unchanged: None,
            route: None,
            method: None,
            assurance: None,
            attempts: 0,
        }
    }
}

fn verified(how: &Verification) -> (Option<&str>, Option<&str>) {
    match how {
        Verification::Digest { algorithm, hex } => (Some(*algorithm), Some(hex.as_str())),
        Verification::Size => (None, None),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
