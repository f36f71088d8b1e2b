//! Proofs that are none: tags that are cut off, reflected, replayed, swapped, or made for another connection.

use std::io;

use super::end::{End, KEY, OTHER, Part, TAG};
use super::victim::{RIGHT, Transfer, put_back, refused, start, start_impatient, untouched, user};

/// What an attacker shows who has no key, or has the wrong one.
type Attempt = fn(&mut End, Part, &[u8]) -> io::Result<()>;

/// Each attempt, and what it does; `old` is a tag that the attacker has seen on another connection under the
/// same key.
const ATTEMPTS: [(&str, Attempt); 9] = [
    ("nothing", |_, _, _| Ok(())),
    ("zeros", |end, _, _| end.say(&[0; TAG])),
    ("the file at once", |end, _, _| end.say(b"what the attacker wants to be stored, without any proof")),
    ("a tag under another key", |end, part, _| end.say(&end.tag(OTHER, part))),
    ("a tag cut off", |end, part, _| {
        let tag = end.tag(KEY, part);
        end.say(&tag[..TAG - 1])
    }),
    ("a tag whose last bit is wrong", |end, part, _| {
        let mut tag = end.tag(KEY, part);
        tag[TAG - 1] ^= 1;
        end.say(&tag)
    }),
    ("the victim's own part", |end, part, _| end.say(&end.tag(KEY, part.other()))),
    ("the other part of the transfer", |end, part, _| {
        let swapped = Part { file: part.other().file, ..part };
        end.say(&end.tag(KEY, swapped))
    }),
    ("a tag of another connection under the same key", |end, _, old| end.say(old)),
];

/// Whoever shows none of the right tags gets nothing and changes nothing, in every part, whoever listens; and
/// the victim, where it listens, still takes the right peer afterwards.
#[test]
fn tags_that_prove_nothing() {
    let server = start_impatient();
    std::thread::scope(|scope| {
        for victim_listens in [true, false] {
            for part in Part::ALL {
                let server = &server;
                scope.spawn(move || attempts(server, part, victim_listens));
            }
        }
    });
    untouched(&server, "all attempts");
}

fn attempts(server: &crate::server::Server, part: Part, victim_listens: bool) {
    let mut client = user(server);
    for (how, attempt) in ATTEMPTS {
        client.expect(KEY.1, "200");
        // A connection under the same key, from which the attacker has a right tag.
        let old = {
            let pair = tcp_pair();
            let other = std::thread::spawn(move || End::over(pair.1, part.other().tls, &["fxp-data/1"]));
            let end = End::over(pair.0, part.tls, &["fxp-data/1"]).expect("a handshake");
            other.join().expect("no panic").expect("a handshake");
            end.tag(KEY, part)
        };
        let mut transfer = Transfer::prepare(&mut client, part, victim_listens);
        transfer.begin();
        let mut end = transfer.shake().expect("a handshake");
        // The victim's tag, if it is the TLS client, comes unasked; it is worth nothing elsewhere.
        let heard = if part.tls == "server" { end.hear(TAG).expect("its tag").len() } else { 0 };
        let _ = attempt(&mut end, part, &old);
        let what = format!("{how} as {} and {}, victim listens: {victim_listens}", part.tls, part.file);
        if how == "nothing" || how == "a tag cut off" {
            // It would wait for the rest; the attacker hangs up.
            let _ = end.tcp().shutdown(std::net::Shutdown::Both);
        }
        let loot = end.hear_all().unwrap_or_default();
        assert!(loot.is_empty(), "{what}: got {} bytes after {heard}", loot.len());
        refused(&transfer.end(), &what);
    }
}

/// Two ends of a connection that has nothing to do with any victim.
fn tcp_pair() -> (std::net::TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a listener");
    let one = std::net::TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    (one, listener.accept().expect("a connection").0)
}

/// The reflection: the attacker shows the victim what the victim has just shown.
#[test]
fn a_tag_is_not_accepted_from_where_it_went() {
    let server = start_impatient();
    for file in ["source", "destination"] {
        for victim_listens in [true, false] {
            let mut client = user(&server);
            client.expect(KEY.1, "200");
            let part = Part { tls: "server", file };
            let mut transfer = Transfer::prepare(&mut client, part, victim_listens);
            transfer.begin();
            let mut end = transfer.shake().expect("a handshake");
            let own = end.hear(TAG).expect("the victim's tag");
            end.say(&own).expect("said");
            assert!(end.hear_all().unwrap_or_default().is_empty());
            refused(&transfer.end(), file);
        }
    }
    untouched(&server, "reflection");
}

/// Swapped: the attacker has the two servers connect to it, and shows each one the other's tag.
#[test]
fn tags_carried_from_one_server_to_the_other() {
    let (source, destination) = (start_impatient(), start_impatient());
    let (mut sender, mut receiver) = (user(&source), user(&destination));
    sender.expect(KEY.1, "200");
    receiver.expect(KEY.1, "200");
    // The source is TLS server and the destination TLS client, as fxp would have it; the attacker is between.
    let mut left = Transfer::prepare(&mut sender, Part { tls: "client", file: "destination" }, false);
    let mut right = Transfer::prepare(&mut receiver, Part { tls: "server", file: "source" }, true);
    left.begin();
    right.begin();
    let (mut to_source, mut to_destination) = (left.shake().expect("TLS"), right.shake().expect("TLS"));
    let tag = to_destination.hear(TAG).expect("the destination's tag");
    to_source.say(&tag).expect("said");
    assert!(
        to_source.hear_all().unwrap_or_default().is_empty(),
        "the source answers no tag of another connection"
    );
    drop(to_destination);
    refused(&left.end(), "source");
    refused(&right.end(), "destination");
    untouched(&destination, "between");
}

/// An end that holds the key is let in, whatever happened before it: else the other tests would show nothing.
#[test]
fn the_right_peer_is_let_in() {
    let server = start();
    for victim_listens in [true, false] {
        for part in Part::ALL {
            put_back(&server);
            let mut client = user(&server);
            client.expect(KEY.1, "200");
            let mut transfer = Transfer::prepare(&mut client, part, victim_listens);
            transfer.begin();
            if victim_listens {
                let mut wrong = transfer.shake().expect("a handshake");
                let _ = wrong.say(&[7; TAG]);
            }
            let mut end = transfer.shake().expect("a handshake");
            end.prove(KEY, part).expect("a proof");
            if part.file == "source" {
                end.give(RIGHT).expect("taken");
                assert!(transfer.end().starts_with("226"));
                assert_eq!(std::fs::read(server.file("in")).expect("a file"), RIGHT);
            } else {
                assert_eq!(end.hear_all().expect("the file"), super::victim::BEFORE);
                assert!(transfer.end().starts_with("226"));
            }
        }
    }
}
