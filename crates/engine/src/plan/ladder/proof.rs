//! What two servers can prove to each other, and which rungs would give that up.
//!
//! Every rung keeps the proof of the first one. A man in the middle would like nothing better than a next rung
//! without it, so less is on the ladder only if the user named it.

use fxp_proto::pair::leg::Leg;
use fxp_proto::pair::method::Method;

use super::{Pair, Why};
use crate::policy::AssuranceChoice;
use crate::report::Assurance;

/// What the servers prove to each other on a rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// Nothing.
    None,
    /// Both, that they were given the same key (PEER KEY).
    Key,
    /// The other end proves to this one that it is the server with this certificate (PEER EXPECT).
    Expect(Leg),
}

impl Peer {
    /// What a transfer by this method achieves with it.
    pub(super) fn assurance(self, method: &Method) -> Assurance {
        match self {
            _ if method.tls.is_none() => Assurance::Clear,
            Peer::None => Assurance::Encrypted,
            Peer::Key => Assurance::Mutual,
            Peer::Expect(Leg::Source) => Assurance::Confidential,
            Peer::Expect(Leg::Destination) => Assurance::Authentic,
        }
    }

    /// How much is left open where only one end verifies the other; smaller is better. If that end listens, nobody can
    /// occupy the other one's port; if it is TLS client, the other end has to show a certificate in any case.
    pub(super) fn exposure(self, method: &Method) -> (bool, bool) {
        match self {
            Peer::Expect(leg) => (method.passive != leg, method.tls.is_none_or(|part| part.client != leg)),
            Peer::None | Peer::Key => (false, false),
        }
    }
}

impl Pair<'_> {
    /// The most that these two can prove. A key goes to servers only over control connections inside TLS; a server's
    /// certificate is known from its own.
    pub(super) fn proof(&self) -> Peer {
        let [source, destination] = Leg::BOTH.map(|leg| self.end(leg));
        if !(source.secured && destination.secured) {
            return Peer::None;
        }
        if source.peer_key && destination.peer_key {
            return Peer::Key;
        }
        let expects = |leg: &Leg| self.end(*leg).peer_expect && self.end(leg.other()).certified;
        Leg::BOTH.into_iter().find(expects).map_or(Peer::None, Peer::Expect)
    }

    /// True if the user named so little that rungs without the proof may follow those with it.
    pub(super) fn may_do_without(&self, peer: Peer) -> bool {
        peer != Peer::None && self.policy.assurance == AssuranceChoice::Encrypted
    }

    /// Too little is achieved by this method.
    pub(super) fn objection_to_assurance(&self, method: &Method, peer: Peer) -> Option<Why> {
        let wanted = self.policy.assurance;
        if !wanted.is_met_by(peer.assurance(method)) {
            return Some(match method.tls {
                None => Why::ClearIsNotEnough(wanted),
                Some(_) => Why::NotProvable(wanted, self.without_peer(wanted)),
            });
        }
        let proof = self.proof();
        let gives_up = method.tls.is_none() && proof != Peer::None && self.is_provable();
        gives_up.then_some(Why::Unproven(proof))
    }

    /// True if some method inside TLS is possible, now or but for what was learned earlier: what a server once refused
    /// may have been somebody else's doing.
    fn is_provable(&self) -> bool {
        let possible = |method: &Method| self.objection(method).is_none_or(Why::is_learned);
        self.combinations().iter().any(|method| method.tls.is_some() && possible(method))
    }

    /// The leg that would have to speak PEER for the wanted assurance and does not; `None`: neither does.
    fn without_peer(&self, wanted: AssuranceChoice) -> Option<Leg> {
        let speaks = |leg: Leg| match wanted {
            AssuranceChoice::Mutual => self.end(leg).peer_key,
            _ => self.end(leg).peer_expect,
        };
        match wanted {
            AssuranceChoice::Confidential => Some(Leg::Source),
            AssuranceChoice::Authentic => Some(Leg::Destination),
            _ if !speaks(Leg::Source) && !speaks(Leg::Destination) => None,
            _ => Leg::BOTH.into_iter().find(|&leg| !speaks(leg)),
        }
    }
}
