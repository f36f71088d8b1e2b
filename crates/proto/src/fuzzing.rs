//! One function per fuzz target: takes any bytes, panics if a promise is broken.
//!
//! The targets in `fuzz/` and the test that replays their corpus call these and do nothing else. What
//! they check beyond "no panic" is written beside each: mostly that what was written can be read again,
//! and that ceilings hold.

mod client;
mod ear;
mod pair;
mod server;

pub use client::client_machine;
pub use pair::pair_exchange;
pub use server::server_machine;

use crate::grammar::addr::{self, HostPort};
use crate::grammar::change::{self, Mdtm};
use crate::grammar::command::Command;
use crate::grammar::digest::{self, XArgument};
use crate::grammar::feat::{Features, MAX_FEATURES};
use crate::grammar::opts::Options;
use crate::grammar::params::{
    self, ByteRange, DigestKind, EpsvRequest, MAX_OFFSET, Protection, TransferType,
};
use crate::grammar::peer::PeerRequest;
use crate::grammar::quote;
use crate::grammar::reply::{Reply, ReplyParser};
use crate::listing::guess::{Listing, Row, read_facts, read_row};
use crate::listing::mlsx::{self, FactSet, Listed};
use crate::listing::time::FtpTime;
use crate::listing::{entry::Entry, format};
use crate::path::{MAX_PATH, VPath};
use crate::wire::line::{Line, LineSplitter};
use crate::wire::text::Text;

/// Takes any bytes; panics if a promise is broken.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("lines", lines),
    ("command", command),
    ("reply", reply),
    ("address", address),
    ("parameters", parameters),
    ("features", features),
    ("list", list),
    ("facts", facts),
    ("path", path),
    ("server_machine", server_machine),
    ("client_machine", client_machine),
    ("pair_exchange", pair_exchange),
];

/// Lines and Telnet: the cut between two reads never matters, no line exceeds the ceiling or holds
/// CR, LF or NUL.
pub fn lines(data: &[u8]) {
    const CEILING: usize = 16;
    let Some((&piece, data)) = data.split_first() else { return };
    let in_pieces_of = |piece: usize| {
        let mut splitter = LineSplitter::new(CEILING);
        let mut lines = Vec::new();
        for mut bytes in data.chunks(piece) {
            while let Some(line) = splitter.next_line(&mut bytes) {
                lines.push(line);
            }
        }
        lines
    };
    let lines = in_pieces_of(usize::from(piece).max(1));
    assert_eq!(lines, in_pieces_of(1));
    for line in &lines {
        if let Line::Text(text) = line {
            assert!(text.len() <= CEILING && Text::new(text.as_slice()).is_ok());
        }
    }
    assert!(lines.len() <= data.iter().filter(|&&byte| byte == b'\n').count());
}

/// Commands: what was understood and written again is understood alike.
pub fn command(data: &[u8]) {
    if let Ok(command) = Command::parse(data) {
        let bytes = command.to_bytes();
        let line = bytes.strip_suffix(b"\r\n").expect("a command ends with CRLF");
        assert_eq!(Command::parse(line), Ok(command));
    }
}

/// Replies: what was written again is read alike, up to the spaces that keep inner lines apart from the
/// last one.
pub fn reply(data: &[u8]) {
    for reply in replies(data) {
        let bytes = reply.to_bytes();
        let mut again = replies(&bytes);
        let read = again.pop().expect("a whole reply");
        assert!(again.is_empty(), "one reply became two");
        assert_eq!((read.code, read.lines.len()), (reply.code, reply.lines.len()));
        let _ = reply.to_string();
        for (read, line) in read.lines.iter().zip(&reply.lines) {
            let read = read.as_bytes();
            assert!(read == line.as_bytes() || read.strip_prefix(b" ") == Some(line.as_bytes()));
        }
    }
}

/// The replies in `data`, up to the first nonsense.
fn replies(data: &[u8]) -> Vec<Reply> {
    let mut parser = ReplyParser::default();
    let mut replies = Vec::new();
    for line in data.split(|&byte| byte == b'\n') {
        match parser.line(line.strip_suffix(b"\r").unwrap_or(line)) {
            Ok(reply) => replies.extend(reply),
            Err(_) => break,
        }
    }
    replies
}

/// Addresses: what was read can be written and read again.
pub fn address(data: &[u8]) {
    let again = |place: HostPort| {
        assert_eq!(addr::parse_eprt(place.to_eprt().as_bytes()), Ok(place.unmapped()));
        assert_eq!(addr::parse_lprt(place.to_lprt().as_bytes()), Ok(place.unmapped()));
        if let Some(argument) = place.to_port() {
            assert_eq!(addr::parse_port(argument.as_bytes()), Ok(place.unmapped()));
        }
    };
    for place in
        [addr::parse_port(data), addr::parse_eprt(data), addr::parse_lprt(data)].into_iter().flatten()
    {
        again(place);
    }
    let reply = reply_of(227, data);
    if let Ok(place) = addr::parse_228(&reply) {
        again(place);
    }
    for found in [addr::parse_227(&reply), addr::parse_229(&reply)].into_iter().flatten() {
        if let Some(ip) = found.ip {
            assert!(!ip.is_unspecified());
            again(HostPort { ip, port: found.port });
        }
    }
}

/// A reply whose lines are those of `data`.
fn reply_of(code: u16, data: &[u8]) -> Reply {
    let lines = data.split(|&byte| byte == b'\n').map(Text::lossy).collect();
    Reply { lines, ..Reply::new(code, "") }
}

/// Arguments of all other commands, and the replies that carry values.
pub fn parameters(data: &[u8]) {
    let _ =
        (TransferType::parse(data), Protection::parse(data), EpsvRequest::parse(data), Options::parse(data));
    let _ = (params::parse_mode(data), params::parse_structure(data), params::parse_switch(data));
    let _ =
        (Mdtm::parse(data), digest::parse_mmd5(data), change::parse_comb(data), change::parse_symlink(data));
    if let Ok(offset) = params::parse_rest(data).and(params::parse_allo(data)) {
        assert!(offset <= MAX_OFFSET);
    }
    if let Ok(ByteRange::Bytes { start, end }) = ByteRange::parse(data) {
        assert!(start <= end);
    }
    if let Ok((time, _)) = change::parse_mfmt(data).or_else(|_| change::parse_utime(data)) {
        assert_eq!(FtpTime::parse(time.to_string().as_bytes()), Ok(time));
    }
    if let Ok((changes, _)) = change::parse_mff(data) {
        let _: Vec<Text> = changes.iter().map(change::FactChange::to_text).collect();
    }
    if let Ok((mode, _)) = change::parse_chmod(data) {
        assert!(mode <= 0o7777);
    }
    if let Ok(argument) = XArgument::parse(data) {
        let command = argument.command(DigestKind::Md5);
        assert_eq!(XArgument::parse(command.argument.as_bytes()), Ok(argument));
    }
    if let Ok(peer) = PeerRequest::parse(data) {
        assert_eq!(PeerRequest::parse(peer.to_argument().as_bytes()), Ok(peer));
    }
    let text = Text::lossy(data);
    if !text.is_empty() {
        assert_eq!(quote::parse_257(&quote::reply_257(&text, "created")), Some(text.clone()));
    }
    let _ = quote::parse_257(&reply_of(257, data));
    for kind in DigestKind::ALL {
        if let Some(digest) = digest::parse_digest(&Reply::new(213, text.clone()), kind, &text) {
            assert_eq!(digest.len(), kind.hex_length());
        }
    }
}

/// FEAT: ceilings hold, and no question about the features fails.
pub fn features(data: &[u8]) {
    let features = Features::parse(&reply_of(211, data));
    assert!(features.lines().len() <= MAX_FEATURES);
    let _ = (features.auth_tls(), features.rest_stream(), features.rang_stream(), features.mdtm_sets());
    let _ = (features.site("CHMOD"), features.mff_sets("modify"), features.mlst_facts());
    for kind in features.digests() {
        assert!(features.has_x(kind) || features.hash().iter().any(|entry| entry.0 == kind));
    }
}

/// LIST: no name leads out of the directory, and our own line for an entry is read as that entry.
pub fn list(data: &[u8]) {
    let now = FtpTime { seconds: 1_795_348_800, nanoseconds: 0 };
    for entry in Listing::of_list(data, now).entries {
        check_name(&entry);
        let mut line = Vec::new();
        format::write_long(&entry, now, &mut line);
        // Two kinds of names look different in `ls -l`: status lines, and links with arrows in their names.
        if let Row::Entry(again) = read_row(&line, now) {
            assert_eq!(std::mem::discriminant(&again.kind), std::mem::discriminant(&entry.kind));
            assert!(entry.name.as_bytes().starts_with(again.name.as_bytes()));
        }
    }
    let _ = Listing::of_stat(&reply_of(213, data), now);
}

/// MLSD and MLST: the same, and our own line is read as the same entry.
pub fn facts(data: &[u8]) {
    for entry in Listing::of_mlsd(data).entries {
        check_name(&entry);
        let mut line = Vec::new();
        mlsx::write_line(&entry, FactSet::default(), entry.name.as_bytes(), &mut line);
        match read_facts(&line) {
            Row::Entry(again) => assert_eq!((again.name, again.mode), (entry.name, entry.mode)),
            row => panic!("{entry:?} became {row:?}"),
        }
    }
    for line in data.split(|&byte| byte == b'\n') {
        if let Ok(Listed::Child(entry)) = mlsx::parse_line(line) {
            assert!(!entry.name.as_bytes().contains(&b'/'));
        }
    }
    let _ = mlsx::parse_mlst(&reply_of(250, data));
    let set = FactSet::parse(data);
    assert_eq!(FactSet::parse(set.names().as_bytes()), set);
}

fn check_name(entry: &Entry) {
    let name = entry.name.as_bytes();
    assert!(!name.is_empty() && name != b"." && name != b".." && !name.contains(&b'/'));
    assert!(Text::new(name).is_ok());
}

/// Paths: nothing climbs out, and what was written is read alike.
pub fn path(data: &[u8]) {
    let base = VPath::parse(b"/home/anna").expect("a path");
    for path in [VPath::parse(data), base.join(data)].into_iter().flatten() {
        assert!(path.components().iter().all(|name| !matches!(name.as_bytes(), b"" | b"." | b"..")));
        assert!(path.to_text().len() <= MAX_PATH);
        assert_eq!(VPath::parse(path.to_text().as_bytes()), Ok(path.clone()));
        assert!(path.is_beneath(&path.parent()));
    }
    if let Ok(child) = base.child(&Text::lossy(data)) {
        assert_eq!(child.parent(), base);
    }
}
