//! The files of the demonstration, and whether they are equal in the end.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::unfit;
use crate::exit::{Exit, Failure, Outcome};

/// The directory that is copied.
pub(super) const NAME: &str = "gift";

/// Path and size of each file: small and large, empty, nested, with a name that needs care.
const FILES: [(&str, u64); 6] = [
    ("gift/letter.txt", 1_871),
    ("gift/nothing", 0),
    ("gift/photos/sunrise.jpg", 2_345_678),
    ("gift/photos/über den Wolken.jpg", 1_234_567),
    ("gift/music/first movement.flac", 5_000_011),
    ("gift/music/score.pdf", 98_765),
];

/// A file, and its SHA-256 on both sides.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct Equal {
    pub(super) path: String,
    pub(super) sha256: String,
}

/// Makes the files beneath `root`.
pub(super) fn make(root: &Path) -> Outcome {
    let made = FILES.iter().enumerate().try_for_each(|(number, (path, size))| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("every file lies in a directory"))?;
        fill(&path, *size, number as u64 + 1)
    });
    made.map_err(|error| unfit("cannot make files for the demonstration", &error))
}

/// The digests, or the first file that differs. The files are read from the disks themselves, so that
/// nobody's word is taken for it.
pub(super) fn compare(source: &Path, destination: &Path) -> Outcome<Vec<Equal>> {
    FILES
        .iter()
        .map(|(path, _)| {
            let digest = |root: &Path| {
                digest(&root.join(path)).map_err(|error| {
                    Failure::new(Exit::Verification, format!("cannot read {path} after the copy"))
                        .because(&error)
                })
            };
            let (there, here) = (digest(source)?, digest(destination)?);
            if there != here {
                let what =
                    format!("{path} differs: SHA-256 is {there} at the source, {here} at the destination");
                return Err(Failure::new(Exit::Verification, what));
            }
            Ok(Equal { path: (*path).to_owned(), sha256: there })
        })
        .collect()
}

/// Writes `size` bytes that no network device could guess or compress (xorshift64).
fn fill(path: &PathBuf, size: u64, seed: u64) -> io::Result<()> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..size.div_ceil(8)).flat_map(|_| word()).collect();
    bytes.truncate(size as usize);
    File::create(path)?.write_all(&bytes)
}

fn digest(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(path)?, &mut Feed(&mut hasher))?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Lets a digest be written to.
struct Feed<'a>(&'a mut Sha256);

impl Write for Feed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
