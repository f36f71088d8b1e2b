//! What a server means when it says no.
//!
//! FTP has few codes and every server its own words, so code, verb and words are read together. The
//! texts of the servers that we know are rows of `tests/data/refusals.txt`. Some servers repeat the
//! file's name, which says nothing: `/ssl/fxp.iso: Permission denied` is about a file.

use super::verdict::{Refusal, Step};
use crate::grammar::reply::Reply;
use crate::grammar::verb::Verb;
use crate::path::VPath;

/// The class of a refusal of `verb` at `step`; the file concerned is `path`, if there is one.
pub fn classify(step: Step, verb: Option<Verb>, path: Option<&VPath>, reply: &Reply) -> Refusal {
    let words = Words::of(reply, path);
    let code = reply.code.number();
    by_code_alone(code, verb, &words)
        .or_else(|| by_protection(code, step, &words))
        .or_else(|| by_policy(code, step, &words))
        .or_else(|| by_road(step, code, &words))
        .or_else(|| by_load(code, &words))
        .or_else(|| by_disk(verb, &words))
        .or_else(|| by_file(step, code))
        .unwrap_or_else(|| by_default(step, code, verb, &words))
}

/// How much a class explains. Of two refusals of one exchange the one that explains more decides: a
/// file that is missing keeps its server from connecting, so that the other one complains about the
/// connection; a peer that is turned away cannot finish its handshake.
pub(super) fn weight(class: Refusal) -> u8 {
    match class {
        Refusal::Aborted => 8,
        Refusal::Address => 7,
        Refusal::Path | Refusal::Space | Refusal::Login => 6,
        // An address that is refused behind a key that was refused is refused for that reason.
        Refusal::Policy | Refusal::Proof => 5,
        Refusal::TlsRole | Refusal::Unsupported => 4,
        Refusal::Connectivity => 3,
        Refusal::Transient => 2,
        Refusal::Other | Refusal::TimedOut | Refusal::Lost => 1,
    }
}

/// Codes that mean one thing, whatever the words.
fn by_code_alone(code: u16, verb: Option<Verb>, words: &Words) -> Option<Refusal> {
    match code {
        // The session is over: there were too many, or it was idle for too long.
        421 if words.any(SESSION_LIMITS) => Some(Refusal::Login),
        421 => Some(Refusal::Lost),
        452 | 552 => Some(Refusal::Space),
        // The server does not let itself be introduced, or not so. With any other verb the same codes mean other things.
        501 | 503 | 504 | 534 if verb == Some(Verb::Peer) => Some(Refusal::Proof),
        // 522 is RFC 2428's "family not supported" where an address is at stake, else RFC 4217's
        // "the data connection must be protected", which vsftpd also uses for session reuse.
        522 if matches!(verb, Some(Verb::Port | Verb::Eprt | Verb::Pasv | Verb::Epsv)) => {
            Some(Refusal::Unsupported)
        }
        431 | 435 | 521 | 522 | 534 => Some(Refusal::TlsRole),
        536 => Some(Refusal::Unsupported),
        _ => None,
    }
}

/// TLS, its roles, session reuse, or data that must be protected.
fn by_protection(code: u16, step: Step, words: &Words) -> Option<Refusal> {
    let speaks_of_it = words.any_word(&["tls", "ssl", "prot", "alpn"])
        || words.any(&["handshake", "not resumed", "session reuse", "negotiat", "certificate", "encrypt"])
        || words.any(&["secure data", "secure channel"]);
    // ProFTPD, when its TLS fails on the data connection.
    let proftpd = code == 425 && words.any(&["operation not permitted"]);
    (step >= Step::Listen && (speaks_of_it || proftpd)).then_some(Refusal::TlsRole)
}

/// FXP, or the foreign address, is not allowed.
fn by_policy(code: u16, step: Step, words: &Words) -> Option<Refusal> {
    if step < Step::Listen {
        return None;
    }
    let named = words.any_word(&["fxp", "foreign", "bounce", "promiscuous"])
        || words.any(&["illegal port command", "illegal eprt command", "bad eprt command", "bad ip"])
        || words.any(&["only to ", "won't connect", "won't open a connection", "privileged port"])
        || words.any(&["port commands", "network address is not allowed", "active mode is disabled"])
        || words.any(&["no data connection with that address", "data connection is not allowed"]);
    // ProFTPD's words for a stranger at its passive port.
    let stranger = code == 425 && words.any(&["permission denied", "not allowed"]);
    // At the address itself there is nothing else that could be forbidden.
    let at_address = step == Step::Connect && words.any(&["not allowed", "denied", "forbidden", "rejected"]);
    (named || stranger || at_address).then_some(Refusal::Policy)
}

/// The two servers do not reach each other.
fn by_road(step: Step, code: u16, words: &Words) -> Option<Refusal> {
    let words = words.any(&["timeout", "timed out", "time out", "no route", "unreachable", "nat router"])
        || (matches!(code, 425 | 426) && words.any(&["refused", "reset"]));
    (step >= Step::Connect && (words || code == 425)).then_some(Refusal::Connectivity)
}

/// Too much of something: room, credits, sessions.
fn by_load(code: u16, words: &Words) -> Option<Refusal> {
    if words.any(&["quota", "no space", "disk full", "not enough space", "insufficient", "credits"]) {
        return Some(Refusal::Space);
    }
    if words.any(SESSION_LIMITS) || matches!(code, 430 | 530 | 532) {
        return Some(Refusal::Login);
    }
    None
}

/// Whatever keeps these servers from writing a file they say the same; most often there is no room left.
fn by_disk(verb: Option<Verb>, words: &Words) -> Option<Refusal> {
    // vsftpd, Pure-FTPD.
    let writing = words.any(&["failure writing to local file", "error during write to file"]);
    // ProFTPD where the disk becomes full in the middle of a write, and pyftpdlib 2, which has lost the reason. Both say
    // so of files that they read, too.
    let stores = matches!(verb, Some(Verb::Stor | Verb::Appe));
    let stored = words.any(&["transfer aborted. input/output error", "none; transfer aborted"]);
    (writing || (stores && stored)).then_some(Refusal::Space)
}

/// The file or its name.
fn by_file(step: Step, code: u16) -> Option<Refusal> {
    match (step, code) {
        (Step::Transfer | Step::Announce, 550 | 551 | 553) => Some(Refusal::Path),
        _ => None,
    }
}

fn by_default(step: Step, code: u16, verb: Option<Verb>, words: &Words) -> Refusal {
    let unknown = words.any(&["not understood", "unknown command", "not implemented", "unrecognized"])
        || words.any(&["command not", "pret", "use epsv", "ipv6", "not supported"]);
    match code {
        _ if unknown => Refusal::Unsupported,
        // A server that knows PORT and calls ours bad means its address.
        500 | 501 if step == Step::Connect && verb == Some(Verb::Port) => Refusal::Policy,
        500 | 502 | 504 => Refusal::Unsupported,
        // Whatever it has against a role or a way of listening, another time it has the same.
        500..=599 if verb == Some(Verb::Sscn) => Refusal::Unsupported,
        501 if matches!(verb, Some(Verb::Pasv | Verb::Epsv | Verb::Cpsv)) => Refusal::Unsupported,
        // REST beyond what the server can count, or not for STOR.
        501 | 503 | 550 | 554 if step == Step::Restart => Refusal::Unsupported,
        400..=499 => Refusal::Transient,
        _ => Refusal::Other,
    }
}

/// Words by which servers say that they have enough sessions or transfers.
const SESSION_LIMITS: &[&str] =
    &["too many", "simultaneous", "maximum", "max ", "site full", "site is full", "limit reached", "slots"];

/// The text of a reply in lower case, without the name of the file.
struct Words(String);

impl Words {
    fn of(reply: &Reply, path: Option<&VPath>) -> Self {
        let lines: Vec<_> =
            reply.lines.iter().take(MAX_LINES).map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
        let text = lines.join(" ");
        let text = path.map(names).unwrap_or_default().iter().fold(text, |text, name| without(&text, name));
        Words(text.to_lowercase())
    }

    /// True if one of `parts` stands anywhere.
    fn any(&self, parts: &[&str]) -> bool {
        parts.iter().any(|part| self.0.contains(part))
    }

    /// True if one of `whole` stands as a word of its own: `ssl` is no part of `passless`.
    fn any_word(&self, whole: &[&str]) -> bool {
        self.0.split(|character: char| !character.is_alphanumeric()).any(|word| whole.contains(&word))
    }
}

/// How a server may call the file: its path, its name, and the directories above it, longest first.
fn names(path: &VPath) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = path.clone();
    while !at.is_root() && names.len() < MAX_NAMES {
        names.push(String::from_utf8_lossy(at.to_text().as_bytes()).into_owned());
        at = at.parent();
    }
    if let Some(name) = path.name() {
        names.insert(1.min(names.len()), String::from_utf8_lossy(name.as_bytes()).into_owned());
    }
    names
}

/// `text` without `name` where it stands for itself, and without what is before it in the same word:
/// a server may call the file by a longer path than we do.
fn without(text: &str, name: &str) -> String {
    let apart = |character: Option<char>| !character.is_some_and(char::is_alphanumeric);
    let ends_word = |character: char| character.is_whitespace() || matches!(character, '"' | '\'');
    let (mut kept, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(name) {
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        if (name.starts_with('/') || apart(before.chars().next_back())) && apart(after.chars().next()) {
            kept.push_str(before);
            kept.truncate(kept.trim_end_matches(|character| !ends_word(character)).len());
        } else {
            kept.push_str(&rest[..at + name.len()]);
        }
        rest = after;
    }
    kept.push_str(rest);
    kept
}

/// The most lines of a reply that are read; the reason stands in the first or in the last few.
const MAX_LINES: usize = 64;

/// The most names of one file that are looked for; a reply names the file or a directory just above it.
const MAX_NAMES: usize = 16;
