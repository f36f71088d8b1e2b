//! Tickets that do not run out.
//!
//! A TLS 1.3 session is resumed with a ticket, and the library uses each ticket once (RFC 8446, C.4,
//! advises so, lest an observer link two connections; our data connections are linked by their
//! addresses anyway). ProFTPD 1.3.8 (2026-11), which refuses data connections that resume nothing, hands
//! out two tickets on the control connection, one with each download, and none with uploads: the third
//! upload would fail. Other clients present one ticket for ever, and servers allow it.
//!
//! The library has no way to copy a ticket. But a data connection that has ended can be told again of
//! the ticket message it received, and makes a new entry in the session cache each time. So one
//! download or listing is enough for any number of uploads.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use rustls::client::{
    ClientConnectionData, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
    UnbufferedClientConnection,
};
use rustls::kernel::KernelConnection;
use rustls::{NamedGroup, ProtocolVersion};
use rustls_pki_types::ServerName;

/// What the connections of one client session have brought for the next ones.
#[derive(Default)]
pub(crate) struct Supply {
    cache: Arc<Cache>,
    /// The last connection that brought a ticket, and the ticket.
    source: Mutex<Option<(KernelConnection<ClientConnectionData>, Vec<u8>)>>,
}

impl fmt::Debug for Supply {
    /// Says nothing: what is inside resumes sessions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Supply")
    }
}

impl Supply {
    /// Where the library keeps sessions and tickets.
    pub(crate) fn cache(&self) -> Arc<Cache> {
        self.cache.clone()
    }

    /// If no ticket is left: copies the last one.
    pub(crate) fn refill(&self) {
        if !self.cache.contents().tickets.is_empty() {
            return;
        }
        if let Some((connection, ticket)) = &mut *self.source.lock().expect("no holder of the lock panics") {
            // It was understood when it came.
            let _ = connection.handle_new_session_ticket(ticket);
        }
    }

    /// True if only one ticket is left, and none that could be copied.
    pub(crate) fn is_running_out(&self) -> bool {
        let source = self.source.lock().expect("no holder of the lock panics");
        source.is_none() && self.cache.contents().tickets.len() == 1
    }

    /// Takes a connection that has ended, with a ticket it brought.
    pub(crate) fn store(&self, connection: UnbufferedClientConnection, ticket: Vec<u8>) {
        // One that broke is of no use; the secrets of its records are dropped.
        if let Ok((_, connection)) = connection.dangerous_into_kernel_connection() {
            *self.source.lock().expect("no holder of the lock panics") = Some((connection, ticket));
        }
    }
}

/// Sessions with one server.
#[derive(Default)]
pub(crate) struct Cache(Mutex<Contents>);

#[derive(Default)]
struct Contents {
    group: Option<NamedGroup>,
    /// TLS 1.2.
    session: Option<Tls12ClientSessionValue>,
    /// TLS 1.3, oldest first.
    tickets: VecDeque<Tls13ClientSessionValue>,
}

impl Cache {
    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().expect("no holder of the lock panics")
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cache")
    }
}

impl ClientSessionStore for Cache {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.contents().group = Some(group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.contents().group
    }

    fn set_tls12_session(&self, _: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.contents().session = Some(session);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.contents().session.clone()
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.contents().session = None;
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        let tickets = &mut self.contents().tickets;
        if tickets.len() == TICKETS {
            tickets.pop_front();
        }
        tickets.push_back(ticket);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.contents().tickets.pop_back()
    }
}

/// The last ticket message among records that the library has decrypted where they lie.
///
/// That it does so is nowhere promised. If it ever stops, what is found here are encrypted bytes that
/// look like no ticket, or that the library refuses to read, and tickets are used once again.
pub(crate) fn find(mut records: &[u8], version: Option<ProtocolVersion>) -> Option<Vec<u8>> {
    if version != Some(ProtocolVersion::TLSv1_3) {
        return None;
    }
    let mut found = None;
    // RFC 8446, 5.2: an outer header, the content, its type, 16 bytes that authenticate them.
    while let [kind, _, _, high, low, rest @ ..] = records {
        let (record, next) = rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))?;
        let content = record.split_last_chunk::<TAG>().and_then(|(inner, _)| inner.split_last());
        if let (APPLICATION_DATA, Some((&HANDSHAKE, messages))) = (*kind, content) {
            found = ticket(messages).or(found);
        }
        records = next;
    }
    found
}

/// The body of the last ticket in a record of handshake messages.
fn ticket(mut messages: &[u8]) -> Option<Vec<u8>> {
    let mut found = None;
    while let [kind, a, b, c, rest @ ..] = messages {
        let length = usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).ok()?;
        let (body, next) = rest.split_at_checked(length)?;
        if *kind == NEW_SESSION_TICKET {
            found = Some(body.to_vec());
        }
        messages = next;
    }
    found
}

/// Tickets kept: more than a client has data connections at once.
const TICKETS: usize = 16;

/// Type of an encrypted record, whatever is inside.
const APPLICATION_DATA: u8 = 23;

/// Type of the content of a record.
const HANDSHAKE: u8 = 22;

/// Type of a handshake message (RFC 8446, 4).
const NEW_SESSION_TICKET: u8 = 4;

/// What all cipher suites of TLS 1.3 put behind a record.
const TAG: usize = 16;
