//! PEER: what the other end of a data connection must prove (`docs/spec/peer.md`).

use zeroize::Zeroizing;

use crate::grammar::peer::{PeerProof, PeerRequest};
use crate::server::state::Session;
use crate::wire::text::Text;

pub(super) fn peer(session: &mut Session, argument: Text) {
    // A key may be in it.
    let argument = Zeroizing::new(argument.into_bytes());
    if !session.secured {
        return session.say(503, "PEER needs AUTH TLS first");
    }
    match PeerRequest::parse(&argument) {
        Err(error) => session.refuse(error),
        Ok(PeerRequest::Off) => {
            introduce(session, None);
            session.say(200, "Peer forgotten");
        }
        Ok(PeerRequest::Set(_)) if !session.memory.foreign_peers => {
            session.say(534, "no transfers with other servers for this user");
        }
        Ok(PeerRequest::Set(proof)) => {
            let said = match proof {
                PeerProof::Key(_) => "Peer key set",
                PeerProof::Pin(_) => "Peer pinned",
            };
            introduce(session, Some(proof));
            session.say(200, said);
        }
    }
}

/// A data connection was prepared for one sort of peer and must not serve another. A new key in place of an
/// old one changes nothing about that: clients send one for each file, also behind PASV.
fn introduce(session: &mut Session, peer: Option<PeerProof>) {
    let keeps_the_slot = match (&session.memory.peer, &peer) {
        (Some(PeerProof::Key(_)), Some(PeerProof::Key(_))) => true,
        (before, after) => before == after,
    };
    match (&session.memory.slot, &peer) {
        (Some(slot), Some(PeerProof::Key(key))) if keeps_the_slot => {
            let (slot, key) = (slot.id, key.clone());
            session.rekey(slot, key);
        }
        _ if keeps_the_slot => {}
        _ => session.drop_slot(),
    }
    session.memory.peer = peer;
}
