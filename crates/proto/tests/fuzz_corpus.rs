//! Replays the committed corpus of every fuzz target, and a thousand inputs made from it each, on any
//! toolchain. `fuzz/run` looks for new ones.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fxp_proto::fuzzing::{TARGETS, Target};

/// Inputs made from the corpus, per target.
const MADE: usize = 1000;

/// Inputs do not grow beyond this, as in `fuzz/run`.
const MAX_LENGTH: usize = 4096;

fn fuzz_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The corpus of a target, in the order of the file names.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = fuzz_directory().join("corpus").join(target);
    let mut files: Vec<PathBuf> = fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|file| file.expect("a file").path())
        .collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read(path).expect("readable"))).collect()
}

/// Says which input broke a promise before the panic goes on.
fn run(target: Target, input: &[u8], origin: &dyn std::fmt::Debug) {
    if let Err(panic) = std::panic::catch_unwind(|| target(input)) {
        eprintln!("*** broken by {origin:?}: {}", input.escape_ascii());
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn the_corpus_keeps_every_promise() {
    for (name, target) in TARGETS {
        let corpus = corpus(name);
        assert!(corpus.len() >= 3, "{name} has hardly any corpus");
        for (path, input) in corpus {
            run(*target, &input, &path);
        }
    }
}

#[test]
fn what_is_made_of_the_corpus_keeps_every_promise() {
    for (name, target) in TARGETS {
        let corpus = corpus(name);
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        for round in 0..MADE {
            let input = dice.mutate(&corpus);
            run(*target, &input, &format!("{name}, round {round}"));
        }
    }
}

#[test]
fn every_target_has_its_program() {
    let programs: BTreeSet<String> = fs::read_dir(fuzz_directory().join("fuzz_targets"))
        .expect("fuzz_targets")
        .map(|file| file.expect("a file").path().file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(programs, targets);
}

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit.max(1)
    }

    /// One input with some changes: bytes, pieces left out, doubled, taken from another input.
    fn mutate(&mut self, corpus: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].1.clone();
        for _ in 0..=self.below(4) {
            let at = self.below(input.len() + 1);
            let end = (at + self.below(40)).min(input.len());
            match self.below(5) {
                0 => input.insert(at, self.below(256) as u8),
                1 => drop(input.drain(at..end)),
                2 => {
                    let piece = input[at..end].to_vec();
                    input.splice(at..at, piece);
                }
                3 => {
                    let other = &corpus[self.below(corpus.len())].1;
                    let from = self.below(other.len() + 1);
                    let to = (from + self.below(60)).min(other.len());
                    input.splice(at..at, other[from..to].iter().copied());
                }
                _ if at < input.len() => input[at] = SPICE[self.below(SPICE.len())],
                _ => {}
            }
        }
        input.truncate(MAX_LENGTH);
        input
    }
}

/// Bytes that mean something to one of the targets.
const SPICE: &[u8] = b"\0\t\n\r !\"()*,-./0123456789:;=@[]|<>+absdwxoftSDAN\xf2\xf4\xff";
