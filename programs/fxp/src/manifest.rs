//! `--manifest FILE`: the files of a run, one JSON object a line, and how such a file is read again.
//!
//! Each line is written in one go as its file is done, so that a killed process loses at most the last one.
//! `docs/manifest.md` describes it.

mod line;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use fxp_engine::manifest::{Manifest, Stated, digest_called};
use fxp_engine::proto::path::VPath;
use fxp_engine::report::{FileReport, Placed, Unchanged};
use serde::Deserialize;

use crate::exit::{Exit, Failure, Outcome};
use line::Line;

/// What a comparison needs of it.
#[derive(Deserialize)]
struct Read {
    path: String,
    path_bytes: Option<String>,
    size: u64,
    algorithm: Option<String>,
    digest: Option<String>,
}

/// A manifest that is being written.
#[derive(Debug)]
pub(crate) struct Writer {
    path: PathBuf,
    file: File,
    /// Files that were renamed, of which nothing can be stated.
    renamed: u64,
    /// Files that were equal already and whose size no server told.
    without_size: u64,
    /// Why something could not be written; nothing is after that.
    broken: Option<io::Error>,
}

impl Writer {
    /// Begins a manifest; what the file held is gone.
    pub(crate) fn begin(path: &Path) -> Outcome<Self> {
        let file = File::create(path).map_err(|error| {
            Failure::new(Exit::DestinationDenied, format!("cannot write {}", path.display())).because(&error)
        })?;
        Ok(Writer { path: path.to_owned(), file, renamed: 0, without_size: 0, broken: None })
    }

    /// Adds a file that was copied.
    pub(crate) fn copied(&mut self, file: &FileReport, placed: Option<&Placed>) {
        let Some(placed) = placed else {
            self.renamed += 1;
            return;
        };
        self.write(&Line::copied(file, placed));
    }

    /// Adds a file that was there already.
    pub(crate) fn unchanged(&mut self, file: &Unchanged) {
        match Line::unchanged(file) {
            Some(line) => self.write(&line),
            None => self.without_size += 1,
        }
    }

    fn write(&mut self, line: &Line<'_>) {
        if self.broken.is_some() {
            return;
        }
        let mut line = serde_json::to_string(line).expect("strings and numbers");
        line.push('\n');
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            self.broken = Some(error);
        }
    }

    /// Ends the manifest; says what it lacks.
    pub(crate) fn end(&mut self) -> Vec<String> {
        let path = self.path.display();
        let written = self.broken.take().map_or(Ok(()), Err).and_then(|()| self.file.sync_all());
        let mut lacks = Vec::new();
        if let Err(error) = written {
            lacks.push(format!("the manifest in {path} is not whole: {error}"));
        }
        if self.renamed > 0 {
            lacks.push(format!("what was renamed ({}) is not in the manifest in {path}", self.renamed));
        }
        if self.without_size > 0 {
            let count = self.without_size;
            lacks.push(format!(
                "what was there already and has no known size ({count}) is not in the manifest in {path}"
            ));
        }
        lacks
    }
}

/// Reads a manifest. A last line that is cut off is left out; `warn` is told so.
pub(crate) fn read(path: &Path, warn: impl FnOnce(&str)) -> Outcome<Manifest> {
    let failed = |error: io::Error| {
        Failure::new(Exit::SourceNotFound, format!("cannot read {}", path.display())).because(&error)
    };
    let mut lines = BufReader::new(File::open(path).map_err(failed)?);
    let mut manifest = Manifest::default();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        if lines.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        match stated(&line) {
            Ok((path, stated)) => manifest.add(&path, stated),
            Err(_) if line.last() != Some(&b'\n') => {
                warn(&format!("the last line of {} is cut off, and left out", path.display()));
                break;
            }
            Err(why) => {
                let what = format!("line {number} of {} is none of a manifest: {why}", path.display());
                return Err(Failure::usage(what));
            }
        }
    }
    Ok(manifest)
}

fn stated(line: &[u8]) -> Result<(VPath, Stated), String> {
    let read: Read = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let bytes = match read.path_bytes {
        Some(bytes) => unhex(&bytes).ok_or("path_bytes is not hexadecimal")?,
        None => read.path.into_bytes(),
    };
    let path = VPath::parse(&bytes).map_err(|error| error.to_string())?;
    if path.is_root() {
        return Err("there is no path".to_owned());
    }
    let digest = match (read.algorithm, read.digest) {
        (Some(name), Some(hex)) => {
            let kind = digest_called(&name).ok_or_else(|| format!("{name} is no digest that fxp knows"))?;
            if hex.is_empty() || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err("the digest is not hexadecimal".to_owned());
            }
            Some((kind, hex.into_boxed_str()))
        }
        (None, None) => None,
        _ => return Err("a digest needs an algorithm, and an algorithm a digest".to_owned()),
    };
    Ok((path, Stated { size: read.size, digest }))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fxp_engine::proto::listing::time::FtpTime;
    use fxp_engine::report::{Assurance, Route, Verification};

    use super::*;

    #[test]
    fn a_line_is_read_or_refused_with_a_reason() {
        let (path, said) =
            stated(br#"{"path":"a/b","size":3,"algorithm":"SHA-1","digest":"0a","more":1}"#).expect("a line");
        assert_eq!((path.to_string().as_str(), said.size), ("/a/b", 3));
        assert_eq!(
            said.digest.map(|(kind, hex)| (Some(kind), hex)),
            Some((digest_called("sha-1"), "0a".into()))
        );
        let (path, said) = stated(br#"{"path":"?","path_bytes":"61ff","size":0}"#).expect("a line");
        assert_eq!((path.to_text().as_bytes(), said.digest), (&b"/a\xff"[..], None));
        for (line, why) in [
            (r#"{"path":"","size":1}"#, "no path"),
            (r#"{"path":"a"}"#, "size"),
            (r#"{"path":"a","size":1,"digest":"00"}"#, "needs an algorithm"),
            (r#"{"path":"a","size":1,"digest":"0g","algorithm":"MD5"}"#, "not hexadecimal"),
            (r#"{"path":"a","size":1,"digest":"00","algorithm":"MD9"}"#, "MD9"),
            (r#"{"path":"a","size":1,"path_bytes":"6"}"#, "path_bytes"),
            ("{", "EOF"),
        ] {
            let refused = stated(line.as_bytes()).expect_err(line);
            assert!(refused.contains(why), "{line}: {refused}");
        }
    }

    #[test]
    fn any_name_can_be_written_and_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("m");
        let file = FileReport {
            source: String::new(),
            destination: String::new(),
            size: 5,
            resumed: 0,
            inherited: 0,
            elapsed: Duration::ZERO,
            route: Route::Local,
            method: None,
            assurance: Assurance::Encrypted,
            verified: Verification::Digest { algorithm: "MD5", hex: "00ff".into() },
            attempts: 2,
            time_kept: false,
            notes: Vec::new(),
        };
        let names: [&[u8]; 4] = [b"/a/b c", b"/\"\\", b"/\xff\xfe/x", "/é".as_bytes()];
        let mut writer = Writer::begin(&path).unwrap();
        for name in names {
            let time = FtpTime { seconds: 1_000_000_000, nanoseconds: 0 };
            let placed =
                Placed { path: VPath::parse(name).unwrap(), modified: Some(time), destination: None };
            writer.copied(&file, Some(&placed));
        }
        // Before its end: that is what a killed process leaves.
        let text = std::fs::read_to_string(&path).unwrap();
        let read: Vec<_> = text.lines().map(|line| stated(line.as_bytes()).unwrap()).collect();
        for (name, (path, said)) in names.iter().zip(&read) {
            assert_eq!(path.to_text().as_bytes(), *name);
            assert_eq!(
                *said,
                Stated { size: 5, digest: digest_called("MD5").map(|kind| (kind, "00ff".into())) }
            );
        }
        assert_eq!(read.len(), names.len());
        assert!(text.contains("\"modified\":\"2001-09-09T01:46:40Z\""), "{text}");
        assert!(writer.end().is_empty());
    }

    #[test]
    fn only_a_last_line_may_be_cut_off() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("m");
        let line = "{\"path\":\"a\",\"size\":1}\n";
        std::fs::write(&path, format!("{line}{{\"path\":\"b\",")).unwrap();
        let mut warned = String::new();
        read(&path, |text| warned.push_str(text)).expect("read");
        assert!(warned.contains("cut off"), "{warned}");
        std::fs::write(&path, format!("{{\"path\":\n{line}")).unwrap();
        let failure = read(&path, |_| {}).expect_err("the first line is broken");
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.what.contains("line 1 of"), "{}", failure.what);
    }
}
