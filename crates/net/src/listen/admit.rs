//! Choosing among those who connect: strangers go, candidates shake hands side by side, the first to
//! succeed is the peer.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{sleep_until, timeout};

use super::{Admission, AdmitError, Strangers, Unadmitted, handshake, refuse, source};
use crate::data::DataStream;
use crate::tls::HandshakeError;

type Held = Receiver<io::Result<(Unadmitted, SocketAddr)>>;

pub(super) async fn first_in(
    held: &mut Held,
    admission: Admission<'_>,
    strangers: Strangers,
) -> Result<DataStream, AdmitError> {
    let mut candidates = Candidates { strangers, ..Candidates::default() };
    let (mut open, mut deadline) = (true, admission.deadline);
    if strangers.count > 0 {
        deadline = deadline.min(admission.deadline_after_stranger);
    }
    while open || !candidates.running.is_empty() {
        tokio::select! {
            arrival = held.recv(), if open => match arrival {
                None => open = false,
                Some(Err(error)) => return Err(AdmitError::Listen(error)),
                Some(Ok((tcp, peer))) if !(admission.admit)(peer) => {
                    candidates.strangers.add(peer);
                    refuse(tcp, peer);
                    deadline = deadline.min(admission.deadline_after_stranger);
                }
                Some(Ok((tcp, peer))) => match &admission.tls {
                    None => match DataStream::from_tcp(tcp.admit(), admission.meter.clone()) {
                        Ok(stream) => return Ok(stream),
                        Err(error) => candidates.lose(peer, error),
                    },
                    Some(tls) => candidates.start(peer, handshake(tcp, tls.clone(), admission.meter.clone())),
                },
            },
            Some(ended) = candidates.handshakes.join_next_with_id() => {
                if let Some(stream) = candidates.end(ended) {
                    return Ok(stream);
                }
            }
            () = sleep_until(deadline) => break,
        }
    }
    Err(candidates.verdict())
}

/// Those who shake hands, and what became of the others. Dropping it ends all handshakes.
#[derive(Default)]
struct Candidates {
    handshakes: JoinSet<Result<DataStream, HandshakeError>>,
    /// Oldest first.
    running: Vec<Candidate>,
    strangers: Strangers,
    last_failure: Option<AdmitError>,
    /// The log has it that somebody did not resume.
    warned: bool,
}

struct Candidate {
    peer: SocketAddr,
    handshake: AbortHandle,
}

impl Candidates {
    /// Gone before its turn came; the right one may still come.
    fn lose(&mut self, peer: SocketAddr, error: io::Error) {
        tracing::debug!(%peer, %error, "gone from the passive port");
        self.last_failure = Some(AdmitError::Lost { peer, error });
    }

    fn start<H>(&mut self, peer: SocketAddr, handshake: H)
    where
        H: Future<Output = Result<DataStream, HandshakeError>> + Send + 'static,
    {
        if self.of_source(peer) >= PER_SOURCE {
            self.evict(source(peer.ip()));
        } else if self.running.len() >= IN_ALL {
            self.evict(self.busiest());
        }
        let handshake = self.handshakes.spawn(async {
            timeout(HANDSHAKE_TIME, handshake).await.unwrap_or(Err(HandshakeError::TimedOut))
        });
        self.running.push(Candidate { peer, handshake });
    }

    fn of_source(&self, peer: SocketAddr) -> usize {
        let own = source(peer.ip());
        self.running.iter().filter(|candidate| source(candidate.peer.ip()) == own).count()
    }

    /// The source with the most handshakes: a lone candidate is not pushed out by a crowd from elsewhere.
    fn busiest(&self) -> IpAddr {
        let peers = self.running.iter().rev().map(|candidate| candidate.peer);
        peers.max_by_key(|peer| self.of_source(*peer)).map_or(IpAddr::from([0; 4]), |peer| source(peer.ip()))
    }

    /// Ends the oldest handshake of one source, `of`: it has had the most time of all.
    fn evict(&mut self, of: IpAddr) {
        if let Some(oldest) = self.running.iter().position(|candidate| source(candidate.peer.ip()) == of) {
            let evicted = self.running.remove(oldest);
            tracing::debug!(peer = %evicted.peer, "a slow handshake made room");
            evicted.handshake.abort();
        }
    }

    /// Takes the end of one handshake into account; the stream, if it succeeded.
    fn end(
        &mut self,
        ended: Result<(Id, Result<DataStream, HandshakeError>), JoinError>,
    ) -> Option<DataStream> {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        // One that was evicted is not among the running ones any more, and its end is no news.
        let place = self.running.iter().position(|candidate| candidate.handshake.id() == id)?;
        let candidate = self.running.remove(place);
        let peer = candidate.peer;
        let error = match ended {
            Ok((_, Ok(stream))) => return Some(stream),
            Ok((_, Err(error))) => error,
            Err(panic) => HandshakeError::Network(io::Error::other(panic)),
        };
        match error {
            // The client itself may be unable to, and gone before its transfer is given up. Once is enough.
            HandshakeError::NotResumed if !self.warned => {
                self.warned = true;
                tracing::warn!(%peer, %error, "turned away from the passive port");
            }
            _ => tracing::debug!(%peer, %error, "handshake on the passive port"),
        }
        self.last_failure = Some(AdmitError::Handshake { peer, error });
        None
    }

    /// Why nobody was let in; those who have not finished their handshake did so too slowly.
    fn verdict(self) -> AdmitError {
        let unfinished = self
            .running
            .last()
            .map(|candidate| AdmitError::Handshake { peer: candidate.peer, error: HandshakeError::TimedOut });
        match (self.last_failure.or(unfinished), self.strangers.first) {
            (Some(failure), _) => failure,
            (None, Some(first)) => AdmitError::OnlyStrangers { strangers: self.strangers.count, first },
            (None, None) => AdmitError::NobodyCame,
        }
    }
}

/// How long one handshake may take, from the moment the transfer command allows it.
const HANDSHAKE_TIME: Duration = Duration::from_secs(5);

/// Handshakes at a time for one source address.
const PER_SOURCE: usize = 4;

/// Handshakes at a time for one port: each costs a signature.
const IN_ALL: usize = 8;
