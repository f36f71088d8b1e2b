//! The files of a peer: paths, listings, checksums.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

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

/// When a file was modified, as MDTM tells it.
pub(super) fn modified(file: &Path) -> Option<String> {
    let metadata = file.metadata().ok().filter(|metadata| metadata.is_file())?;
    Some(FtpTime::from_system(metadata.modified().ok()?).to_seconds())
}

/// A directory in the manner of `ls -l`.
pub(super) fn listing(directory: &Path) -> io::Result<String> {
    let mut lines = String::new();
    for entry in std::fs::read_dir(directory)? {
        let (entry, metadata) = entry.and_then(|entry| entry.metadata().map(|metadata| (entry, metadata)))?;
        let kind = if metadata.is_dir() { 'd' } else { '-' };
        let name = entry.file_name().to_string_lossy().into_owned();
        let Civil { month, day, hour, minute, .. } = FtpTime::from_system(metadata.modified()?).civil();
        let month = MONTHS[usize::from(month.clamp(1, 12)) - 1];
        let (size, time) = (metadata.len(), format!("{month} {day:>2} {hour:02}:{minute:02}"));
        let line = format!("{kind}rw-r--r--   1 anna users {size:>12} {time} {name}\r\n");
        lines.push_str(&line);
    }
    Ok(lines)
}

/// The CRC-32 of a file from `start` to `end`.
pub(super) fn crc(file: &Path, start: u64, end: Option<u64>) -> io::Result<u32> {
    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(end.map_or(u64::MAX, |end| end.saturating_sub(start))).read_to_end(&mut bytes)?;
    Ok(crc32fast::hash(&bytes))
}

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
