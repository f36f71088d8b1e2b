//! The road of a convoy: the rung that has carried a file, as many files will take it.

use fxp_client::queue::TimesSet;
use fxp_proto::pair::convoy::{Digests, Introduction, Queueing, Road};
use fxp_proto::pair::exchange::Proof;

use super::*;
use crate::digest;

/// A road, and the rung that it was made of.
pub(crate) struct Paved {
    pub(crate) rung: Rung,
    pub(crate) road: Road,
}

impl Lane {
    /// The road along the rung in front, if that has carried a file and all is known that many files at once need.
    pub(crate) async fn road(
        &self,
        source: &mut Link,
        destination: &mut Link,
        (source_queueing, destination_queueing): (Queueing, Queueing),
        with_digests: bool,
    ) -> Result<Option<Paved>, Trouble> {
        let Some(rung) = self.front().filter(|_| self.proven) else { return Ok(None) };
        let expected = match rung.peer {
            Peer::Expect(by) => {
                let shows = if by == Leg::Source { &mut *destination } else { &mut *source };
                shows.certificates().await.map_err(|error| error.on(Some(by.other())))?
            }
            Peer::None | Peer::Key => Vec::new(),
        };
        let (source_data, destination_data) =
            (source.server.site.data_address, destination.server.site.data_address);
        let reply = source.pool().context().environment.timeout;
        let (from, to) = tokio::try_join!(
            async { source.session().await.map_err(|error| error.on(Some(Leg::Source))) },
            async { destination.session().await.map_err(|error| error.on(Some(Leg::Destination))) }
        )?;
        let proof = match proof::of(rung.peer, from, to, &expected)? {
            Proof::None => Introduction::None,
            Proof::Key(_) => Introduction::Keys,
            Proof::Pin { by, pin } => Introduction::Pin { by, pin },
        };
        let set_time = match to.time_verb() {
            TimesSet::By(verb) => Some(verb),
            TimesSet::Not => None,
            // The first file finds it out, one way after the other.
            TimesSet::Unknown => return Ok(None),
        };
        let mut digests = None;
        if with_digests {
            let common = |kind: &&_| from.digests().contains(kind) && to.digests().contains(kind);
            if let Some(&kind) = digest::KINDS.iter().find(common) {
                let (Ok(source), Ok(destination)) =
                    tokio::join!(from.digest_verb(kind), to.digest_verb(kind))
                else {
                    return Ok(None);
                };
                digests = Some(Digests { kind, source, destination });
            }
        }
        let road = Road {
            source: self.facts(Leg::Source, VPath::root(), from, source_data),
            destination: self.facts(Leg::Destination, VPath::root(), to, destination_data),
            method: rung.method,
            proof,
            source_queueing,
            destination_queueing,
            tells_time: from.tells_time(),
            set_time,
            digest: digests,
            limits: self.limits(&rung.method, reply),
        };
        Ok(Some(Paved { rung, road }))
    }
}
