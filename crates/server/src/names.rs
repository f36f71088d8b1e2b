//! Host names of the configuration, resolved when they are needed and remembered for a while: answers, and
//! for a shorter time that there was none, so that a name server that is down holds up one transfer and
//! not all of them.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

/// Resolves names. There are as many as the configuration has, so the memory has its ceiling there.
pub(crate) struct Names {
    known: Mutex<HashMap<String, Known>>,
    asking: Arc<Semaphore>,
    resolve: Arc<Resolve>,
}

/// Asks the system, and blocks while it does.
type Resolve = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// An answer, or that there was none.
struct Known {
    since: Instant,
    addresses: Option<Vec<IpAddr>>,
}

impl Default for Names {
    fn default() -> Self {
        Names::asking(|name| Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect()))
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").finish_non_exhaustive()
    }
}

impl Names {
    fn asking(resolve: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        let asking = Arc::new(Semaphore::new(AT_ONCE));
        Names { known: Mutex::default(), asking, resolve: Arc::new(resolve) }
    }

    /// The addresses of `name`, canonical; `None` if nobody knows, or not in time.
    pub(crate) async fn addresses(&self, name: &str) -> Option<Vec<IpAddr>> {
        if let Some(known) = self.recall(name) {
            return known;
        }
        let answer = timeout(PATIENCE, self.ask(name.to_owned())).await.ok().flatten();
        let mut known = self.known.lock().expect("no holder of the lock panics");
        known.insert(name.to_owned(), Known { since: Instant::now(), addresses: answer.clone() });
        answer
    }

    /// The turn is the thread's: it may go on long after we have lost patience.
    async fn ask(&self, name: String) -> Option<Vec<IpAddr>> {
        let turn = self.asking.clone().acquire_owned().await.expect("the semaphore is never closed");
        let resolve = self.resolve.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            resolve(&name)
        });
        let addresses: Vec<IpAddr> = asked.await.ok()?.ok()?.iter().map(IpAddr::to_canonical).collect();
        (!addresses.is_empty()).then_some(addresses)
    }

    fn recall(&self, name: &str) -> Option<Option<Vec<IpAddr>>> {
        let known = self.known.lock().expect("no holder of the lock panics");
        let known = known.get(name)?;
        let kept = if known.addresses.is_some() { KEPT } else { KEPT_FAILURE };
        (known.since.elapsed() < kept).then(|| known.addresses.clone())
    }
}

/// Questions at a time: the system's resolver takes a thread for each.
const AT_ONCE: usize = 4;
/// A transfer that waits longer than this for DNS had better fail.
const PATIENCE: Duration = Duration::from_secs(5);
/// Dynamic addresses rarely live shorter.
const KEPT: Duration = Duration::from_secs(60);
/// Long enough that few transfers wait for a name server that is down, short enough that nobody waits
/// long once it is back.
const KEPT_FAILURE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Barrier, mpsc};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_name_without_an_answer_is_not_asked_for_again_at_once() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let names = Names::asking(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Err(io::ErrorKind::NotFound.into())
        });
        for (wait, questions) in [(0, 1), (29, 1), (2, 2), (0, 2)] {
            tokio::time::advance(Duration::from_secs(wait)).await;
            assert_eq!(names.addresses("dark.example.org").await, None);
            assert_eq!(asked.load(Ordering::Relaxed), questions);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn questions_that_hang_do_not_make_room_for_more() {
        let (asked, hang) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(AT_ONCE + 1)));
        let (count, waiting) = (asked.clone(), hang.clone());
        let (told, heard) = mpsc::channel();
        let names = Arc::new(Names::asking(move |_| {
            if count.fetch_add(1, Ordering::Relaxed) < AT_ONCE {
                waiting.wait();
            }
            let _ = told.send(());
            Ok(Vec::new())
        }));
        let ask = |number: usize| {
            let names = names.clone();
            tokio::spawn(async move { names.addresses(&format!("{number}.example.org")).await })
        };
        let mut questions: Vec<_> = (0..AT_ONCE).map(ask).collect();
        while asked.load(Ordering::Relaxed) < AT_ONCE {
            tokio::task::yield_now().await;
        }
        questions.push(ask(AT_ONCE));
        tokio::task::yield_now().await;
        tokio::time::advance(PATIENCE * 2).await;
        for question in questions {
            assert_eq!(question.await.unwrap(), None);
        }
        assert_eq!(asked.load(Ordering::Relaxed), AT_ONCE, "threads that ask");
        hang.wait();
        (0..AT_ONCE).for_each(|_| heard.recv().unwrap());
    }
}
