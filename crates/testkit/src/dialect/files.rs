//! The files of a peer: paths, listings, checksums.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fxp_net::data::{Sink, Source};
use fxp_proto::listing::time::{Civil, FtpTime};

/// `argument` as an absolute path; `..` stays at the root.
pub(super) fn absolute(inside: &str, argument: &str) -> String {
    let whole = if argument.starts_with('/') { argument.to_owned() } else { format!("{inside}/{argument}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Where `path`, made by [`absolute`], is on this machine.
pub(super) fn beneath(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// When a file was modified, as MDTM tells it: so many seconds later than UTC.
pub(super) fn modified(file: &Path, later: i64) -> Option<String> {
    let metadata = file.metadata().ok().filter(|metadata| metadata.is_file())?;
    Some(moved(FtpTime::from_system(metadata.modified().ok()?), later).to_seconds())
}

/// Sets when a file was modified, as MFMT does; to even seconds where the file system has no others.
pub(super) fn set_modified(file: &Path, time: &str, even: bool) -> io::Result<()> {
    let time = FtpTime::parse(time.as_bytes()).map_err(io::Error::other)?;
    let seconds = if even { time.seconds.div_euclid(2) * 2 } else { time.seconds };
    let since = Duration::from_secs(u64::try_from(seconds).map_err(io::Error::other)?);
    File::options().write(true).open(file)?.set_modified(SystemTime::UNIX_EPOCH + since)
}

fn moved(time: FtpTime, later: i64) -> FtpTime {
    FtpTime { seconds: time.seconds + later, ..time }
}

/// A directory in the manner of `ls -l`, with times so many seconds later than UTC. Those of half a year ago and
/// more, or of tomorrow, are told by their day.
pub(super) fn listing(directory: &Path, later: i64) -> io::Result<String> {
    let now = FtpTime::from_system(SystemTime::now()).seconds;
    let mut lines = String::new();
    for entry in std::fs::read_dir(directory)? {
        let (entry, metadata) = entry.and_then(|entry| entry.metadata().map(|metadata| (entry, metadata)))?;
        let kind = match metadata.file_type() {
            kind if kind.is_dir() => 'd',
            kind if kind.is_symlink() => 'l',
            _ => '-',
        };
        let mut name = entry.file_name().to_string_lossy().into_owned();
        if let Ok(target) = std::fs::read_link(entry.path()) {
            name = format!("{name} -> {}", target.display());
        }
        let modified = FtpTime::from_system(metadata.modified()?);
        let Civil { year, month, day, hour, minute, .. } = moved(modified, later).civil();
        let month = MONTHS[usize::from(month.clamp(1, 12)) - 1];
        let time = match now - modified.seconds {
            -3600..HALF_A_YEAR => format!("{month} {day:>2} {hour:02}:{minute:02}"),
            _ => format!("{month} {day:>2}  {year:04}"),
        };
        let size = metadata.len();
        let line = format!("{kind}rw-r--r--   1 anna users {size:>12} {time} {name}\r\n");
        lines.push_str(&line);
    }
    Ok(lines)
}

/// A directory in the manner of MLSD. What a link leads to stands in its place; links that lead nowhere are left out.
pub(super) fn machine_listing(directory: &Path) -> io::Result<String> {
    let mut lines = String::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if let Ok(facts) = facts(&entry.path()) {
            lines.push_str(&format!("{facts} {}\r\n", entry.file_name().to_string_lossy()));
        }
    }
    Ok(lines)
}

/// The facts of a file or directory, or of what a link leads to.
pub(super) fn facts(path: &Path) -> io::Result<String> {
    let metadata = path.metadata()?;
    let kind = if metadata.is_dir() { "dir" } else { "file" };
    let modified = FtpTime::from_system(metadata.modified()?).to_seconds();
    Ok(format!("type={kind};size={};modify={modified};", metadata.len()))
}

/// The CRC-32 of a file from `start` to `end`.
pub(super) fn crc(file: &Path, start: u64, end: Option<u64>) -> io::Result<u32> {
    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(end.map_or(u64::MAX, |end| end.saturating_sub(start))).read_to_end(&mut bytes)?;
    Ok(crc32fast::hash(&bytes))
}

/// What `ls` thinks of it, in seconds.
const HALF_A_YEAR: i64 = 31_556_952 / 2;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A file to be sent.
pub(super) struct Sending(pub(super) File);

impl Source for Sending {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(&self.0, buffer, offset)
    }
}

/// A file that receives, and where the next bytes go.
pub(super) struct Receiving(pub(super) File, pub(super) u64);

impl Sink for Receiving {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, self.1)?;
        self.1 += bytes.len() as u64;
        Ok(())
    }
}

/// Bytes in memory: a listing to be sent.
pub(super) struct Listing(pub(super) Vec<u8>);

impl Source for Listing {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let length = buffer.len().min(self.0.len() - start);
        buffer[..length].copy_from_slice(&self.0[start..start + length]);
        Ok(length)
    }
}
