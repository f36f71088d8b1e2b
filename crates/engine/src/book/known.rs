//! What is known of one server: whom to trust, and the lessons of earlier copies, which hold as long as it
//! greets in the same words.

use serde::{Deserialize, Serialize};

use crate::times::Times;

/// What is known of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Trusted certificate fingerprints, as `SHA-256=<hex>`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted: Vec<String>,
    /// Those of them that were accepted by a yes: nobody has said that they are the server's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uncompared: Vec<String>,
    /// TLS was seen: its absence is an error from now on.
    #[serde(default, skip_serializing_if = "is_false")]
    pub tls_seen: bool,
    /// The banner when the facts were learned; they are forgotten when it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banner: Option<String>,
    /// The product, where greeting, SYST or FEAT gave it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// What its FEAT said of what a login depends on (`CLNT`, `UTF8`); absent before the first login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Vec<String>>,
    /// When the facts below changed last, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<i64>,
    /// Data connections must resume the control session (found out from a 522 or 425).
    #[serde(default, skip_serializing_if = "is_false")]
    pub demands_reuse: bool,
    /// RNFR/RNTO is refused, so files are stored in place.
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_rename: bool,
    /// RNFR/RNTO works, so nobody needs to try it out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub renames: bool,
    /// How many commands it bears at once: `none`, `small`, `up-to-transfer`, `with-transfer`, `always`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queueing: Option<String>,
    /// `STAT -la` lists what LIST lists, and needs no data connection; or it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stat_lists: Option<bool>,
    /// Foreign addresses are refused when this server listens.
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_foreign_passive: bool,
    /// Foreign addresses are refused when this server connects.
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_foreign_active: bool,
    /// Other servers could not reach this one where it listened (NAT, firewall): it listens last.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unreachable: bool,
    /// Partners (`host:port`) with which TLS failed while this server was TLS client, most often because it
    /// cannot verify their certificates: with them it is TLS client last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no_client_with: Vec<String>,
    /// The most sessions that it let us have at once, as its refusal of one more showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_sessions: Option<u32>,
    /// When that was, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_sessions_at: Option<i64>,
    /// How the times of copies look that came to it, or went from it to this machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<Times>,
}

impl Known {
    /// A person compared this fingerprint with the one that the server's operator knows, and vouches for it.
    pub fn vouch_for(&mut self, fingerprint: String) {
        self.uncompared.retain(|one| *one != fingerprint);
        if !self.trusted.contains(&fingerprint) {
            self.trusted.push(fingerprint);
        }
    }

    /// A person said yes to this fingerprint; `instead` of all others if the certificate has changed.
    pub(crate) fn accept(&mut self, fingerprint: String, instead: bool) {
        if instead {
            self.trusted.clear();
            self.uncompared.clear();
        }
        self.uncompared.push(fingerprint.clone());
        self.trusted.push(fingerprint);
    }

    /// Trusts `fingerprint` no longer, or none at all. True if anything was trusted.
    pub fn distrust(&mut self, fingerprint: Option<&str>) -> bool {
        let before = self.trusted.len();
        let stays = |one: &String| fingerprint.is_some_and(|gone| gone != one);
        self.trusted.retain(stays);
        self.uncompared.retain(stays);
        self.trusted.len() < before
    }

    /// The server greeted us with `banner`. Facts learned under another one are forgotten: it may have been
    /// upgraded or configured anew. Trust stays, it is about the certificate. True if anything was forgotten.
    pub fn greeted(&mut self, banner: &str) -> bool {
        let banner = without_changing_parts(banner);
        if self.banner.as_deref() == Some(&banner) {
            return false;
        }
        let forgot = self.unlearn();
        (self.banner, self.product, self.login) = (Some(banner), None, None);
        forgot
    }

    /// Forgets what was learned about transfers, and keeps whom to trust and what the server is. True if
    /// anything was forgotten.
    pub fn unlearn(&mut self) -> bool {
        let forgot = self.has_facts();
        *self = Known {
            trusted: std::mem::take(&mut self.trusted),
            uncompared: std::mem::take(&mut self.uncompared),
            tls_seen: self.tls_seen,
            banner: self.banner.take(),
            product: self.product.take(),
            login: self.login.take(),
            ..Known::default()
        };
        forgot
    }

    /// True if anything about transfers was learned.
    pub fn has_facts(&self) -> bool {
        self.facts() != Known::default()
    }

    /// The server has room for `sessions`, and had none for one more.
    pub(crate) fn has_room_for(&mut self, sessions: usize, now: i64) {
        self.most_sessions = Some(u32::try_from(sessions).unwrap_or(u32::MAX));
        self.most_sessions_at = Some(now);
    }

    /// The most sessions that it lets us have, as far as that was found out lately: other people come and go.
    pub(crate) fn room(&self, now: i64) -> Option<usize> {
        let learned = self.most_sessions_at?;
        (now.abs_diff(learned) < A_DAY).then_some(self.most_sessions? as usize)
    }

    /// TLS with `partner` failed, or did not fail, while this server was TLS client.
    pub(crate) fn was_client_with(&mut self, partner: &str, well: bool) {
        self.no_client_with.retain(|known| known != partner);
        if !well {
            // One that is dropped is merely found out anew.
            let surplus = (self.no_client_with.len() + 1).saturating_sub(MAX_PARTNERS);
            self.no_client_with.drain(..surplus);
            self.no_client_with.push(partner.to_owned());
        }
    }

    /// What was learned of the times of copies from one place to another.
    pub(crate) fn times_of(&self, from: &str, to: &str) -> Option<&Times> {
        self.times.iter().find(|times| times.from == from && times.to == to)
    }

    /// Copies have shown this of their times.
    pub(crate) fn has_shown(&mut self, times: Times) {
        self.times.retain(|known| (&known.from, &known.to) != (&times.from, &times.to));
        let surplus = (self.times.len() + 1).saturating_sub(MAX_PARTNERS);
        self.times.drain(..surplus);
        self.times.push(times);
    }

    /// What was learned about transfers, and nothing else.
    fn facts(&self) -> Known {
        Known {
            trusted: Vec::new(),
            uncompared: Vec::new(),
            tls_seen: false,
            banner: None,
            product: None,
            login: None,
            learned: None,
            ..self.clone()
        }
    }

    /// Notes when it was learned, if `before` knew other facts.
    pub(crate) fn stamp(&mut self, before: &Known, now: i64) {
        if self.facts() != before.facts() {
            self.learned = self.has_facts().then_some(now);
        }
    }

    /// The same without what was learned about FXP: used when nothing would be left to try, since a
    /// server may have been configured anew without changing its banner.
    pub fn without_fxp_facts(&self) -> Known {
        Known {
            demands_reuse: false,
            no_foreign_passive: false,
            no_foreign_active: false,
            unreachable: false,
            no_client_with: Vec::new(),
            ..self.clone()
        }
    }
}

/// A banner without what differs from one connection to the next (times, counters). Version numbers
/// hold a dot and stay.
fn without_changing_parts(banner: &str) -> String {
    let changing = |word: &&str| {
        let core = word.trim_matches(|character: char| !character.is_alphanumeric());
        let digits = core.bytes().filter(u8::is_ascii_digit).count();
        digits > 0 && core.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'/' | b'-'))
    };
    banner.split_whitespace().filter(|word| !changing(word)).collect::<Vec<_>>().join(" ")
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Seconds.
const A_DAY: u64 = 24 * 60 * 60;

/// The most partners to remember of one server: more than anybody copies to and fro with.
const MAX_PARTNERS: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_banner_forgets_facts_but_not_trust() {
        let learned = Known {
            trusted: vec!["SHA-256=00".into()],
            uncompared: vec!["SHA-256=00".into()],
            tls_seen: true,
            banner: Some("ProFTPD 1.3.8 Server (x) ready".into()),
            product: Some("ProFTPD".into()),
            learned: Some(1_700_000_000),
            demands_reuse: true,
            ..Known::default()
        };
        let rows = [
            ("ProFTPD 1.3.8 Server (x) ready", false),
            ("ProFTPD 1.3.8 Server (x) ready\nYou are user number 7 of 50 at 10:45:01, 2026-11-22", false),
            ("ProFTPD 1.3.9 Server (x) ready", true),
        ];
        for (banner, forgets) in rows {
            let mut known = Known { banner: Some(without_changing_parts(banner)), ..learned.clone() };
            if forgets {
                known.banner.clone_from(&learned.banner);
            }
            assert_eq!(known.greeted(banner), forgets, "{banner}");
            assert_eq!(known.demands_reuse, !forgets, "{banner}");
            assert_eq!((known.learned.is_none(), known.product.is_none()), (forgets, forgets), "{banner}");
            assert!(known.tls_seen && known.trusted.len() == 1 && known.uncompared.len() == 1, "{banner}");
        }
        let local_time = |time| format!("Welcome to Pure-FTPd\nLocal time is now {time}. Server port: 21.");
        let mut known = Known::default();
        known.greeted(&local_time("10:45"));
        known.demands_reuse = true;
        assert!(!known.greeted(&local_time("11:02")), "a clock in the banner is no new server");
    }

    #[test]
    fn a_yes_is_no_comparison() {
        let (a, b) = ("SHA-256=0a".to_owned(), "SHA-256=0b".to_owned());
        let mut known = Known::default();
        known.accept(a.clone(), false);
        assert_eq!((&known.trusted[..], &known.uncompared[..]), (&[a.clone()][..], &[a.clone()][..]));
        known.vouch_for(a.clone());
        known.vouch_for(a.clone());
        assert_eq!((&known.trusted[..], known.uncompared.len()), (&[a.clone()][..], 0));
        known.accept(b.clone(), true);
        assert_eq!((&known.trusted[..], &known.uncompared[..]), (&[b.clone()][..], &[b.clone()][..]));
        assert!(!known.distrust(Some(&a)) && known.distrust(Some(&b)));
        assert_eq!(known, Known::default());
        known.accept(a, false);
        known.vouch_for(b);
        assert!(known.distrust(None) && !known.distrust(None));
        assert_eq!(known, Known::default());
    }

    #[test]
    fn lessons_are_dated_and_can_be_unlearned() {
        let mut known = Known { trusted: vec!["SHA-256=00".into()], tls_seen: true, ..Known::default() };
        known.stamp(&Known::default(), 1);
        assert_eq!(known.learned, None, "trust is no lesson");
        let before = known.clone();
        known.no_foreign_active = true;
        known.stamp(&before, 2);
        assert_eq!(known.learned, Some(2));
        let before = known.clone();
        known.stamp(&before, 3);
        assert_eq!(known.learned, Some(2), "nothing new");
        assert!(known.unlearn() && !known.has_facts() && known.learned.is_none());
        assert!(known.tls_seen && known.trusted.len() == 1);
        assert!(!known.unlearn());
    }

    #[test]
    fn a_ceiling_is_believed_for_a_day() {
        let mut known = Known::default();
        assert_eq!(known.room(0), None);
        known.has_room_for(3, 1_000_000);
        assert_eq!((known.room(1_000_060), known.room(1_000_000 + 86_400)), (Some(3), None));
        known.has_room_for(5, 1_000_100);
        assert_eq!(known.room(1_000_000 + 86_400), Some(5));
    }

    #[test]
    fn partners_are_remembered_once_and_not_without_end() {
        let mut known = Known::default();
        for number in 0..2 * MAX_PARTNERS {
            known.was_client_with(&format!("h{number}:21"), false);
            known.was_client_with(&format!("h{number}:21"), false);
        }
        assert_eq!(known.no_client_with.len(), MAX_PARTNERS);
        let last = format!("h{}:21", 2 * MAX_PARTNERS - 1);
        assert_eq!(known.no_client_with.last(), Some(&last));
        known.was_client_with(&last, true);
        assert!(!known.no_client_with.contains(&last));
    }
}
