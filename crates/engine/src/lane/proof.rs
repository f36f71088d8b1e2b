//! What the two servers are to prove to each other in one exchange: a key of its own, or the certificate that one of
//! them has shown us.

use fxp_client::session::Session;
use fxp_client::trust::Fingerprint;
use fxp_proto::grammar::peer::{PeerKey, PeerPin};
use fxp_proto::pair::exchange::{Failure, Proof, Refusal};
use fxp_proto::pair::leg::Leg;

use crate::plan::ladder::Peer;
use crate::report::{Trouble, TroubleKind};

/// The proof for one exchange. Besides the certificate of its session, a server that is expected may show one of
/// `others`.
pub(super) fn of(
    peer: Peer,
    source: &Session,
    destination: &Session,
    others: &[Fingerprint],
) -> Result<Proof, Trouble> {
    match peer {
        Peer::None => Ok(Proof::None),
        // A key for more than one file would let somebody who delays connections store one under another's name.
        Peer::Key => Ok(Proof::Key(PeerKey::new(rand::random()))),
        Peer::Expect(by) => {
            let session = if by == Leg::Source { destination } else { source };
            let pin = pin(session.tls().and_then(|tls| tls.peer), others);
            pin.map(|pin| Proof::Pin { by, pin }).ok_or_else(|| unknown(by.other()))
        }
    }
}

/// True if the destination may have taken somebody else for the source. Only the source makes sure of the other end,
/// and its word on RETR tells how far it came: 425 before that, 426 and 226 after it.
pub(super) fn leaves_doubt(peer: Peer, failure: &Failure) -> bool {
    let word = if failure.leg == Leg::Source { &failure.reply } else { &failure.other };
    let made_sure = word.as_ref().is_some_and(|word| word.code.is_completion() || word.code.number() == 426);
    peer == Peer::Expect(Leg::Source) && !made_sure
}

fn pin(shown: Option<Fingerprint>, others: &[Fingerprint]) -> Option<PeerPin> {
    let mut digests = vec![shown?.0];
    for Fingerprint(digest) in others {
        if !digests.contains(digest) && digests.len() < PeerPin::MOST {
            digests.push(*digest);
        }
    }
    // No addresses: docs/decisions/0009.
    Some(PeerPin { digests, from: Vec::new() })
}

/// A server that has lost its TLS since the ladder was made.
fn unknown(leg: Leg) -> Trouble {
    Trouble::new(
        TroubleKind::Tls,
        format!("the {leg} shows no certificate that the other server could expect"),
    )
    .on(Some(leg))
    .class(Refusal::TlsRole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fxp_proto::grammar::reply::Reply;
    use fxp_proto::pair::exchange::Step;

    #[test]
    fn what_came_before_the_proof_may_be_somebody_elses() {
        let (key, source, destination) =
            (Peer::Key, Peer::Expect(Leg::Source), Peer::Expect(Leg::Destination));
        let rows = [
            (source, Leg::Source, Some(425), Some(226), true),
            (source, Leg::Source, Some(426), Some(426), false),
            (source, Leg::Destination, Some(426), Some(425), true),
            (source, Leg::Destination, Some(426), Some(226), false),
            (source, Leg::Destination, Some(426), None, true),
            (source, Leg::Source, None, None, true),
            // The destination itself takes nothing from anybody else.
            (destination, Leg::Source, Some(425), Some(425), false),
            (key, Leg::Source, Some(425), Some(425), false),
            (Peer::None, Leg::Source, Some(425), Some(226), false),
        ];
        for (peer, leg, own, other, expected) in rows {
            let reply = |code: Option<u16>| code.map(|code| Reply::new(code, ""));
            let (step, verb, class) = (Step::Transfer, None, Refusal::Connectivity);
            let failure = Failure { leg, step, verb, reply: reply(own), other: reply(other), class };
            assert_eq!(leaves_doubt(peer, &failure), expected, "{peer:?} {leg} {own:?} {other:?}");
        }
    }

    #[test]
    fn a_server_may_show_any_certificate_that_is_known_to_be_its_own() {
        let pin = |others: &[u8]| {
            let others: Vec<_> = others.iter().map(|byte| Fingerprint([*byte; 32])).collect();
            super::pin(Some(Fingerprint([1; 32])), &others).expect("shown").digests
        };
        assert_eq!(pin(&[]), [[1; 32]]);
        assert_eq!(pin(&[2, 1, 2]), [[1; 32], [2; 32]]);
        let many: Vec<u8> = (2..=200).collect();
        assert_eq!(pin(&many).len(), PeerPin::MOST);
        assert!(
            super::pin(None, &[Fingerprint([2; 32])]).is_none(),
            "what was trusted once is no sign of life"
        );
    }
}
