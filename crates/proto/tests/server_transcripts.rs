//! Plays `transcripts/server/*.txt` against the server machine.
//!
//! A file holds sessions; each begins with `=== title`, perhaps followed by `set:` lines, and logged in
//! if it says `login:`. What goes in:
//!
//! | line | means |
//! |---|---|
//! | `C: text` | the client sends a line (`\xNN` for odd bytes, `{9|ab}` for nine times `ab`); `C*70: text` sends it 70 times |
//! | `C! too long`, `C! bad bytes`, `C! eof` | what else may come from the client |
//! | `O: outcome` | the running effect ends; `O#2:` says so of the second effect, even if it is over |
//! | `N: news` | the running effect has news; `N#2:` likewise |
//! | `P: 123` | so many bytes of the running transfer have moved |
//! | `TLS: ok`, `TLS: failed` | the handshake ended |
//! | `T: +60` | so many seconds pass |
//! | `! shutdown` | the server goes down |
//!
//! and what has to come out, all of it, in this order:
//!
//! | line | means |
//! |---|---|
//! | `S: text` | a line of a reply that begins so (exactly so, if it ends with `$`); `S*64:` 64 times |
//! | `E: text` | something to do that begins so: an effect, `Cancel #2`, `StartTls`, `Close` |
//! | `A: any`, `A: urgent`, `A: none` | the appetite now |
//! | `W: +60`, `W: never` | when the machine wants to be woken |

mod server_script;

use std::path::Path;

use server_script::play;

#[test]
fn transcripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/server");
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("the folder").map(|file| file.expect("a file").path()).collect();
    files.sort();
    let mut sessions = 0;
    let mut failures = Vec::new();
    for file in &files {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(file).expect("a transcript");
        let (played, failed) = play(&name, &text);
        sessions += played;
        failures.extend(failed);
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n\n"));
    assert!(sessions > 0, "no transcript in {}", folder.display());
    println!("{sessions} sessions in {} files", files.len());
}
