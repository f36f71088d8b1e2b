//! What the operator is told of the policy's answers.
//!
//! A no leaves a line, and its id goes into the reply. A yes leaves one if the rule behind it says `log`. Of
//! those who come to a port that we listen on only the first stranger is worth a line, unless a rule says
//! `log`; and even then there is an end to it, lest a stranger fill the disk.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::permit::Question;
use crate::observe::{self, CaseId};
use crate::policy::{Reason, Verdict};

/// What has been told of those who came to one port.
#[derive(Default)]
pub(super) struct Told {
    denied: AtomicUsize,
    allowed: AtomicUsize,
}

impl Question {
    /// Tells of a no.
    pub(super) fn tell_denied(&self, peer: IpAddr, reason: Reason) -> CaseId {
        let case = CaseId::new();
        observe::denied(case, peer, reason);
        case
    }

    /// Tells of a yes, if a rule says so.
    pub(super) fn tell_allowed(&self, peer: IpAddr, verdict: Verdict) {
        if let (Verdict::Allow(..), Some(rule)) = (verdict, verdict.rule())
            && self.is_logged(rule)
        {
            observe::allowed(peer, self.port(), rule, self.direction(), self.path());
        }
    }

    /// Judges one who came to a port that we listen on.
    pub(super) fn judge_comer(&self, peer: IpAddr, told: &Told) -> Verdict {
        let verdict = self.ask(peer);
        let logged = verdict.rule().is_some_and(|rule| self.is_logged(rule));
        let once_more = |count: &AtomicUsize| {
            let most = if logged { MOST_TOLD } else { 1 };
            count.fetch_add(1, Ordering::Relaxed) < most
        };
        match verdict {
            Verdict::Allow(..) if logged && once_more(&told.allowed) => self.tell_allowed(peer, verdict),
            Verdict::Deny(reason) if once_more(&told.denied) => {
                self.tell_denied(peer, reason);
            }
            _ => {}
        }
        verdict
    }
}

/// Lines for one port and one kind of answer.
const MOST_TOLD: usize = 64;
