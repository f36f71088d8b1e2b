//! The probe: a small file of random bytes under a name of its own, and the list of all places where it
//! may lie. What is on the list is removed at the end, whatever happened in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use fxp_proto::grammar::params::Protection;
use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;
use fxp_store::memory::Memory;
use tokio::time::timeout;

use super::{Ear, Finding, Patient};
use crate::report::{Trouble, TroubleKind};
use crate::run::Stop;
use crate::side::{LocalFiles, Side};
use crate::transfer::relay;

/// A small file that is sent around.
pub(super) struct Probe {
    /// `.fxp-doctor-` and random digits.
    name: String,
    storage: Memory,
    /// How many names were given out.
    copies: u32,
    /// Where it may lie: the name of the patient, and the path.
    places: Vec<(String, VPath)>,
}

impl Probe {
    pub(super) fn new() -> Self {
        let storage = Memory::new();
        storage.put(LOCAL, &rand::random::<[u8; SIZE]>()).expect("a kibibyte has room in memory");
        Probe {
            name: format!(".fxp-doctor-{:016x}", rand::random::<u64>()),
            storage,
            copies: 0,
            places: Vec::new(),
        }
    }

    /// Puts it on a server, by an ordinary upload; once on each.
    pub(super) async fn upload(&mut self, patient: &mut Patient, stop: &mut Stop) -> Result<VPath, Trouble> {
        let path = place(patient, &self.name)?;
        self.expect_at(patient, &path);
        let protection = match patient.side.protects_data() {
            Some(true) => Protection::Private,
            _ => Protection::Clear,
        };
        let mut here = Side::Local(LocalFiles { storage: Arc::new(self.storage.clone()), leg: Leg::Source });
        let local = VPath::parse(LOCAL.as_bytes()).expect("a path");
        let errand = relay::Errand {
            from: &local,
            to: &path,
            offset: 0,
            protection,
            progress: &Arc::new(AtomicU64::new(0)),
            begun: &AtomicBool::new(false),
            throttle: None,
        };
        match timeout(PATIENCE, relay::copy(&errand, &mut here, &mut patient.side, stop)).await {
            Ok(Ok(())) => Ok(path),
            Ok(Err(mut trouble)) => {
                trouble.what =
                    format!("the probe cannot be put at {}: {}", patient.side.name(&path), trouble.what);
                trouble.remedy.get_or_insert_with(|| WRITABLE.to_owned());
                Err(trouble)
            }
            Err(_) => {
                patient.retire();
                Err(too_slow(patient))
            }
        }
    }

    /// The place of the next copy, on the list from now on.
    pub(super) fn next_copy(&mut self, patient: &Patient) -> Result<VPath, Trouble> {
        self.copies += 1;
        let path = place(patient, &format!("{}.{}", self.name, self.copies))?;
        self.expect_at(patient, &path);
        Ok(path)
    }

    /// Removes one copy now; if that fails it is tried again at the end.
    pub(super) async fn remove(&mut self, patient: &mut Patient, path: &VPath) {
        if remove_at(patient, path).await.is_ok() {
            self.places.retain(|(name, at)| *name != patient.name || at != path);
        }
    }

    /// Removes what is left everywhere; what cannot be removed is said. How many those are.
    pub(super) async fn remove_all(self, patients: [&mut Patient; 2], ear: Ear<'_>) -> usize {
        let mut leftovers = 0;
        let [first, second] = patients;
        for (name, path) in &self.places {
            let patient = if first.name == *name { &mut *first } else { &mut *second };
            if let Err(trouble) = remove_at(patient, path).await {
                leftovers += 1;
                ear(Finding::Leftover { place: &patient.side.name(path), trouble: &trouble });
            }
        }
        leftovers
    }

    /// Puts a place on the list, once.
    fn expect_at(&mut self, patient: &Patient, path: &VPath) {
        let place = (patient.name.clone(), path.clone());
        if !self.places.contains(&place) {
            self.places.push(place);
        }
    }
}

fn place(patient: &Patient, name: &str) -> Result<VPath, Trouble> {
    patient
        .directory
        .child(&Text::lossy(name.to_owned()))
        .map_err(|error| Trouble::new(TroubleKind::Usage, error.to_string()))
}

/// Deletes the file, if it is there.
async fn remove_at(patient: &mut Patient, path: &VPath) -> Result<(), Trouble> {
    let attempt = async {
        match patient.side.delete(path).await {
            Ok(()) => Ok(()),
            Err(refused) => match patient.side.stat(path).await {
                Ok(None) => Ok(()),
                Ok(Some(_)) | Err(_) => Err(refused),
            },
        }
    };
    match timeout(PATIENCE, attempt).await {
        Ok(removed) => removed,
        Err(_) => {
            patient.retire();
            Err(too_slow(patient))
        }
    }
}

fn too_slow(patient: &Patient) -> Trouble {
    let what = format!("{} did not answer within {} s", patient.name, PATIENCE.as_secs());
    Trouble::new(TroubleKind::Network, what)
}

/// Bytes of the probe.
const SIZE: usize = 1024;

/// Where it lies in memory.
const LOCAL: &str = "/probe";

/// The longest wait for putting or removing a kibibyte.
const PATIENCE: Duration = Duration::from_secs(20);

const WRITABLE: &str = "name a directory where this user may write: SITE:DIRECTORY";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_differ() {
        let (one, two) = (Probe::new(), Probe::new());
        assert_ne!(one.name, two.name);
        let content = |probe: &Probe| probe.storage.read(LOCAL).expect("it is there");
        assert_eq!(content(&one).len(), SIZE);
        assert_ne!(content(&one), content(&two));
    }
}
