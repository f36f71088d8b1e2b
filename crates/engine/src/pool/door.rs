//! How many sessions are on their way into a server at once.
//!
//! Some servers let no more than ten connections wait to be accepted (Pure-FTPD does). Those that come while so many
//! wait seem to be open, as far as the client's side can tell, but the server does not know of them and never greets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The doors of all servers of a run.
#[derive(Debug, Default)]
pub(super) struct Doors(Mutex<HashMap<String, Arc<Semaphore>>>);

/// Held from the connection until the login is over.
#[derive(Debug)]
pub(super) struct OnTheWay {
    _permit: OwnedSemaphorePermit,
}

impl Doors {
    /// Waits until fewer than [`AT_ONCE`] others are on their way into `server`.
    pub(super) async fn enter(&self, server: &str) -> OnTheWay {
        let door = {
            let mut doors = self.0.lock().expect("no holder of the lock panics");
            doors.entry(server.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))).clone()
        };
        OnTheWay { _permit: door.acquire_owned().await.expect("doors are never closed") }
    }
}

/// Fewer than the ten of Pure-FTPD, whom others want to reach too.
pub(super) const AT_ONCE: usize = 8;
