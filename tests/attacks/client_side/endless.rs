//! Servers that never come to an end: silence, lines, replies, preliminary replies, listings, directories without
//! end. A ceiling ends each of them with a sentence that says so, and memory stays where it was.

use std::process::Stdio;
use std::time::{Duration, Instant};

use fxp_testkit::port;

use super::hostile::{Dialogue, GREETING, Hostile, Turn};
use crate::fxp::{Fxp, Ran, program};

/// What a hostile server does when it hears a command.
type Habit = fn(&mut Dialogue) -> Turn;

/// What came of a run, and the most memory it held.
struct Measured {
    ran: Ran,
    /// In KiB.
    memory: u64,
    took: Duration,
}

/// `fxp` with `arguments`, ended after a minute.
fn run(fxp: &Fxp, arguments: &[&str]) -> Measured {
    let begun = Instant::now();
    let out = [fxp.home().join("out"), fxp.home().join("err")];
    let [stdout, stderr] = [&out[0], &out[1]].map(|path| std::fs::File::create(path).expect("a file"));
    let mut command = fxp.command();
    command.args(arguments).stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    let mut child = command.spawn().expect("fxp runs");
    let (mut memory, mut ended) = (0, false);
    while !ended && begun.elapsed() < LONGEST {
        memory = high_water(child.id()).unwrap_or(0).max(memory);
        ended = child.try_wait().expect("a child").is_some();
        std::thread::sleep(Duration::from_millis(5));
    }
    // Nothing happens to one that has ended.
    let _ = child.kill();
    let code = child.wait().expect("a child").code().filter(|_| ended).unwrap_or(-1);
    let [stdout, stderr] =
        out.map(|path| String::from_utf8_lossy(&std::fs::read(path).expect("a file")).into_owned());
    Measured { ran: Ran { code, stdout, stderr }, memory, took: begun.elapsed() }
}

/// The most memory that a process has held so far, in KiB.
fn high_water(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Against a server with `habit` at `at`, a command or the greeting: it must end by itself, with an exit code of
/// `exits` and `words`.
fn check(at: &'static str, habit: Habit, arguments: &[&str], exits: &[i32], words: &[&str], ceiling: u64) {
    let hostile = Hostile::start(port::loopback(), None, &[("/file", b"content")], move |dialogue, line| {
        if line.split(' ').next() == Some(at) { habit(dialogue) } else { Turn::Polite }
    });
    let fxp = Fxp::new(&[]);
    let local = fxp.home().join("got");
    let filled: Vec<String> = arguments
        .iter()
        .map(|word| {
            word.replace("{hostile}", &hostile.url("")).replace("{local}", &local.display().to_string())
        })
        .collect();
    let filled: Vec<&str> = ["--timeout", "3"].into_iter().chain(filled.iter().map(String::as_str)).collect();
    let Measured { ran, memory, took } = run(&fxp, &filled);
    let told = format!("at {at:?} {filled:?}: {took:?} {memory} KiB {ran:#?}");
    assert!(exits.contains(&ran.code), "{told}\n{}", hostile.log());
    let said = ran.stderr.to_lowercase();
    assert!(words.iter().any(|words| said.contains(words)), "{told}");
    assert!(memory < ceiling, "{told}");
}

fn silent(dialogue: &mut Dialogue) -> Turn {
    dialogue.be_silent()
}

fn a_line(dialogue: &mut Dialogue) -> Turn {
    dialogue.flood(b"220 and on and on ")
}

fn a_line_within_a_reply(dialogue: &mut Dialogue) -> Turn {
    dialogue.say("220-It begins");
    dialogue.flood(b"and on and on ")
}

fn a_reply(dialogue: &mut Dialogue) -> Turn {
    dialogue.flood(b"220-and on and on\r\n")
}

fn preliminaries(dialogue: &mut Dialogue) -> Turn {
    dialogue.flood(b"120 Wait\r\n")
}

fn replies(dialogue: &mut Dialogue) -> Turn {
    dialogue.flood(b"220 Ready\r\n")
}

fn nothing_but_zeros(dialogue: &mut Dialogue) -> Turn {
    dialogue.flood(&[0])
}

fn telnet(dialogue: &mut Dialogue) -> Turn {
    dialogue.flood(&[255, 241, 255, 253, 1])
}

/// Without a single reply, with one that has no end, with too many: at the greeting, in the login, and later.
#[test]
fn replies_without_end() {
    program("fxp");
    let habits: [Habit; 8] =
        [silent, a_line, a_line_within_a_reply, a_reply, preliminaries, replies, nothing_but_zeros, telnet];
    std::thread::scope(|scope| {
        for at in [GREETING, "PASS", "FEAT", "MLST"] {
            scope.spawn(move || {
                for habit in habits {
                    let words =
                        ["did not answer", "closed", "in time", "lost", "refused", "no end", "out of step"];
                    check(at, habit, &["ls", "--tls", "off", "{hostile}file"], &[5, 7], &words, MEMORY);
                }
            });
        }
    });
}

fn listing(dialogue: &mut Dialogue) -> Turn {
    dialogue.say("150 Here it comes");
    dialogue.flood_data(b"type=file;size=4; a\r\n", usize::MAX);
    dialogue.be_silent()
}

fn listing_of_a_line(dialogue: &mut Dialogue) -> Turn {
    dialogue.say("150 Here it comes");
    dialogue.flood_data(b"type=file;size=4; and on and on", usize::MAX);
    dialogue.be_silent()
}

fn listing_of_the_shortest(dialogue: &mut Dialogue) -> Turn {
    dialogue.say("150 Here it comes");
    dialogue.flood_data(b"; a\r\n", usize::MAX);
    dialogue.be_silent()
}

fn listing_without_a_word(dialogue: &mut Dialogue) -> Turn {
    dialogue.say("150 Here it comes");
    dialogue.flood_data(b"type=file;size=4; a\r\n", 2_000_000);
    dialogue.answer("226 That was all")
}

fn a_directory_in_a_directory(dialogue: &mut Dialogue) -> Turn {
    dialogue.say("150 Here it comes");
    dialogue.send(b"type=dir; deeper\r\n");
    dialogue.answer("226 Done")
}

#[test]
fn listings_without_end() {
    program("fxp");
    let ls = &["ls", "--tls", "off", "{hostile}"][..];
    let walk = &["cp", "-r", "--tls", "off", "--retries", "0", "{hostile}", "{local}"][..];
    std::thread::scope(|scope| {
        for (habit, arguments, exits, words) in [
            (listing as Habit, ls, &[7, 10][..], "larger than 64 mib"),
            (listing_of_a_line, ls, &[7, 10], "larger than 64 mib"),
            (listing_of_the_shortest, walk, &[7, 10], "larger than 64 mib"),
            (listing_without_a_word, ls, &[1, 10], "cannot make sense"),
            (a_directory_in_a_directory, walk, &[10], "directories deep"),
        ] {
            scope.spawn(move || check("MLSD", habit, arguments, exits, &[words], LISTING_MEMORY));
        }
    });
}

/// Longer than any ceiling that these tests meet.
const LONGEST: Duration = Duration::from_secs(50);

/// The program itself holds some 15 MiB, and a reply may have 16.
const MEMORY: u64 = 64 * 1024;

/// A listing of 64 MiB, and what was made of it.
const LISTING_MEMORY: u64 = 512 * 1024;
