//! The TLS sessions of one control connection, and which data connections may add to them.
//!
//! To resume one of them is to be the client. So a data connection that began with a full handshake leaves
//! nothing that could be resumed: else somebody at the client's address would come twice, and be taken
//! for the client the second time.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::server::StoresServerSessions;

use super::{HandshakeError, Proven};

/// How to take one data connection as TLS server.
#[derive(Clone)]
pub(crate) enum Accepting {
    /// From the control peer.
    Own(Own),
    /// From a foreign peer.
    Foreign(Arc<ServerConfig>),
    /// From whoever owns the expected certificate.
    Expected(Arc<ServerConfig>),
    /// From whoever comes: `own` for `client`, `foreign` for everybody else.
    Either { client: IpAddr, own: Own, foreign: Arc<ServerConfig> },
}

/// What a data connection with the control peer takes.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(super) base: Arc<ServerConfig>,
    pub(super) sessions: Arc<OneControlConnection>,
    pub(super) resumption: Resumption,
    /// TLS 1.3 tickets for one connection.
    pub(super) tickets: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resumption {
    Offered,
    Demanded,
}

impl Accepting {
    /// What the handshake will have proven.
    pub(super) fn proves(&self) -> Option<Proven> {
        matches!(self, Accepting::Expected(_)).then_some(Proven::Pin)
    }

    /// The configuration for one handshake with `peer`, and what is left to do behind it.
    pub(crate) fn begin(self, peer: IpAddr) -> (Arc<ServerConfig>, Option<Visit>) {
        match self {
            Accepting::Own(own) => own.begin(),
            Accepting::Foreign(config) | Accepting::Expected(config) => (config, None),
            Accepting::Either { client, own, .. } if peer.to_canonical() == client => own.begin(),
            Accepting::Either { foreign, .. } => (foreign, None),
        }
    }
}

impl Own {
    fn begin(self) -> (Arc<ServerConfig>, Option<Visit>) {
        let visitor =
            Arc::new(Visitor { sessions: self.sessions, known: false.into(), fresh: Mutex::default() });
        let mut config = (*self.base).clone();
        config.session_storage = visitor.clone();
        config.send_tls13_tickets = self.tickets;
        (Arc::new(config), Some(Visit { visitor, resumption: self.resumption }))
    }
}

/// One handshake for a data connection with the control peer.
pub(crate) struct Visit {
    visitor: Arc<Visitor>,
    resumption: Resumption,
}

impl Visit {
    /// The handshake has succeeded. Only who resumed has proved to be the client; the others' sessions
    /// are forgotten, for resuming one of them would prove nothing.
    ///
    /// # Errors
    ///
    /// If it had to resume and has not.
    pub(crate) fn end(self, resumed: bool) -> Result<(), HandshakeError> {
        match self.resumption {
            _ if resumed => self.visitor.stay(),
            Resumption::Demanded => return Err(HandshakeError::NotResumed),
            Resumption::Offered => {}
        }
        Ok(())
    }
}

/// What a data connection's handshake sees of its control connection's sessions: all of them, but what
/// it adds is kept aside until it turns out who came.
#[derive(Debug)]
struct Visitor {
    sessions: Arc<OneControlConnection>,
    /// It has named a session that we know, which spares others a ticket that would lead nowhere. No proof:
    /// in TLS 1.3 whoever listens on the line sees the names.
    known: AtomicBool,
    fresh: Mutex<Vec<(Vec<u8>, Vec<u8>)>>,
}

impl Visitor {
    fn stay(&self) {
        for (key, value) in self.fresh.lock().expect("no holder of the lock panics").drain(..) {
            self.sessions.put(key, value);
        }
    }
}

impl StoresServerSessions for Visitor {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let known = self.known.load(Ordering::Relaxed);
        if known {
            self.fresh.lock().expect("no holder of the lock panics").push((key, value));
        }
        known
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let session = self.sessions.get(key);
        self.known.fetch_or(session.is_some(), Ordering::Relaxed);
        session
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.get(key)
    }

    /// Asked in full handshakes of TLS 1.2 alone: no session begins on a data connection.
    fn can_cache(&self) -> bool {
        false
    }
}

/// The sessions of one control connection and of the data connections that resumed it.
///
/// `take` leaves the entry where it is, against the letter of the trait, whose purpose is to stop the
/// replay of early data: there is none here. Clients that keep one session and present it for every
/// data connection (lftp and curl with OpenSSL, FileZilla with GnuTLS) could otherwise resume once.
#[derive(Debug, Default)]
pub(super) struct OneControlConnection(Mutex<VecDeque<(Vec<u8>, Vec<u8>)>>);

impl OneControlConnection {
    fn entries(&self) -> std::sync::MutexGuard<'_, VecDeque<(Vec<u8>, Vec<u8>)>> {
        self.0.lock().expect("no holder of the lock panics")
    }
}

impl StoresServerSessions for OneControlConnection {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let mut entries = self.entries();
        if let Some((_, known)) = entries.iter_mut().find(|(known, _)| *known == key) {
            *known = value;
            return true;
        }
        if entries.len() >= STORED_SESSIONS {
            // The first ones are the control connection's own, which some clients present for ever.
            entries.remove(CONTROL_TICKETS);
        }
        entries.push_back((key, value));
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.entries().iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.get(key)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

/// TLS 1.3 tickets for the control connection: some clients use each once, and open several data
/// connections before the first has brought a new one.
pub(super) const CONTROL_TICKETS: usize = 4;

/// TLS 1.3 tickets for each data connection on which we send: it replaces the one that was used up.
pub(super) const DATA_TICKETS: usize = 1;

/// Sessions kept per control connection, a few hundred bytes each: more than a client can have in use.
const STORED_SESSIONS: usize = 32;

#[cfg(test)]
mod tests {
    use super::super::{Versions, provider};
    use super::*;

    /// Whoever listens on the line can name a session of TLS 1.3, and then not resume it.
    #[test]
    fn what_a_handshake_adds_stays_only_if_it_resumed() {
        for (names, resumes) in [("known", true), ("known", false), ("unknown", false)] {
            let sessions = Arc::new(OneControlConnection::default());
            sessions.put(b"known".to_vec(), b"of the control connection".to_vec());
            let own = Own {
                base: Arc::new(
                    ServerConfig::builder_with_provider(provider())
                        .with_protocol_versions(Versions::Both.list())
                        .unwrap()
                        .with_no_client_auth()
                        .with_cert_resolver(Arc::new(rustls::server::ResolvesServerCertUsingSni::new())),
                ),
                sessions: sessions.clone(),
                resumption: Resumption::Offered,
                tickets: DATA_TICKETS,
            };
            let (config, visit) = own.begin();
            let found = config.session_storage.take(names.as_bytes());
            assert_eq!(found.is_some(), names == "known");
            let issued = config.session_storage.put(b"fresh".to_vec(), b"of the visitor".to_vec());
            assert_eq!(issued, names == "known");
            assert!(sessions.get(b"fresh").is_none(), "before the end of the handshake");
            visit.unwrap().end(resumes).unwrap();
            assert_eq!(sessions.get(b"fresh").is_some(), resumes, "{names}");
        }
    }
}
