//! A transfer: its data connection, the stranger's question, the handshake in the role that the session
//! is in, the bytes, and the last words. It runs beside the control connection and tells it the news.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fxp_net::data::{Canceller, DataStream};
use fxp_net::listen::secure;
use fxp_net::meter::Meter;
use fxp_net::tls::{DataTls, HandshakeError};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::command::Role;
use super::control::{Next, Session};
use super::files::{self, Listing, Receiving, Sending};
use super::listen::{Slot, accept};
use super::peer::Shared;
use super::{Begin, Dialect, Parting, ProtClear};

/// What PRET said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Announcement {
    pub(super) verb: String,
    pub(super) path: String,
}

impl Announcement {
    /// The master serves it itself.
    pub(super) fn is_listing(&self) -> bool {
        !matches!(self.verb.as_str(), "RETR" | "STOR")
    }
}

/// What a transfer has to tell the session; with its number.
pub(super) enum News {
    /// It begins: 150.
    Begun(u32, &'static str),
    /// It has ended.
    Ended(u32, String, Next),
}

/// A transfer that runs.
pub(super) struct Running {
    pub(super) id: u32,
    task: JoinHandle<()>,
    canceller: Arc<Mutex<Option<Canceller>>>,
}

impl Running {
    /// Ends it, whatever it does.
    pub(super) fn stop(self) {
        self.task.abort();
        if let Some(canceller) = self.canceller.lock().unwrap_or_else(PoisonError::into_inner).take() {
            canceller.cancel();
        }
    }
}

impl Session {
    /// RETR, STOR, LIST, NLST and MLSD.
    pub(super) async fn transfer(&mut self, verb: &str, argument: &str) -> Next {
        let argument = if argument.starts_with('-') {
            argument.split_once(' ').map_or("", |(_, path)| path)
        } else {
            argument
        };
        let path = files::absolute(&self.inside, argument);
        let restart = self.restart;
        if !self.shared.dialect.rest.sticky {
            self.restart = 0;
        }
        let slot = std::mem::replace(&mut self.slot, Slot::Empty);
        let announced = self.announced.take();
        if let Some(words) = self.objection(verb, &path, restart, announced.as_ref()) {
            self.say(&words);
            // What bears this code, or says so, is the last word.
            let last = words.starts_with("421") || words.ends_with("disconnected");
            return if last { Next::HangUp } else { Next::Stay };
        }
        let shared = self.shared.clone();
        let dialect = &shared.dialect;
        let (road, of_listener) = match slot {
            Slot::Empty => return self.say("425 Use PORT or PASV first"),
            Slot::Listening { listener, client } => (Road::Accept(listener), client),
            Slot::Connected(tcp) => (Road::Connected(tcp), false),
            Slot::Address(target) => match self.connect(target).await {
                Ok(tcp) => (Road::Connected(tcp), false),
                Err(error) => {
                    let words = format!("425 Unable to build data connection: {error}");
                    return self.say(&words);
                }
            },
        };
        if let Begin::Before(words) = dialect.begin {
            self.say(words);
        }
        let role = self.take_role(verb, of_listener);
        let client = self.control.peer_addr().ip();
        let tls = match (&self.tls, self.private) {
            (Some(tls), true) if role == Role::Client => Some(tls.as_client()),
            (Some(tls), true) if shared.setup.demand_reuse => Some(tls.data()),
            (Some(tls), true) => Some(tls.data_or_foreign(client)),
            _ => None,
        };
        let denial = match verb {
            "RETR" => dialect.denial.sending,
            "STOR" => dialect.denial.receiving,
            _ => None,
        };
        let job = Job {
            shared: shared.clone(),
            client,
            denial: denial.filter(|_| !shared.setup.fxp),
            tls,
            file: files::beneath(&shared.root, &path),
            direction: match verb {
                "RETR" => Direction::Send,
                "STOR" => Direction::Receive,
                "MLSD" => Direction::Facts,
                _ => Direction::List,
            },
            restart,
            breaks: dialect.breaks_first.filter(|_| verb == "RETR" && self.sent == 0),
        };
        self.sent += u32::from(verb == "RETR");
        self.transfers += u32::from(verb == "RETR" || verb == "STOR");
        self.begun += 1;
        let (id, canceller) = (self.begun, Arc::default());
        let task = tokio::spawn(job.run(id, road, self.tell.clone(), Arc::clone(&canceller)));
        self.running = Some(Running { id, task, canceller });
        Next::Stay
    }

    /// Why it does not even begin.
    fn objection(
        &self,
        verb: &str,
        path: &str,
        restart: u64,
        announced: Option<&Announcement>,
    ) -> Option<String> {
        let dialect = &self.shared.dialect;
        let file = files::beneath(&self.shared.root, path);
        if let Some((most, words)) = dialect.ration
            && matches!(verb, "RETR" | "STOR")
            && self.transfers >= most
        {
            return Some(words.to_owned());
        }
        if let (ProtClear::RefusedLater(words), false, true) =
            (dialect.prot_clear, self.private, self.tls.is_some())
        {
            return Some(words.to_owned());
        }
        if announced.is_some_and(|announced| !announced.is_listing() && announced.path != path) {
            return Some("503 Bad sequence of commands: that is not what PRET said".to_owned());
        }
        match verb {
            "RETR" if !file.is_file() => Some(format!("550 {path}: No such file or directory")),
            "STOR" if restart > 0 && dialect.rest.no_stor.is_some() => {
                dialect.rest.no_stor.map(str::to_owned)
            }
            "STOR" if file.exists() => dialect.no_overwrite.map(str::to_owned),
            "STOR" if !file.parent().is_some_and(std::path::Path::is_dir) => {
                Some(format!("553 {path}: No such directory"))
            }
            "LIST" if dialect.no_list.is_some() => dialect.no_list.map(str::to_owned),
            "LIST" | "NLST" | "MLSD" if !file.exists() => {
                Some(format!("550 {path}: No such file or directory"))
            }
            _ => None,
        }
    }

    /// While a transfer runs little can be said.
    pub(super) fn hear_in_transfer(&mut self, verb: &str) -> Next {
        let shared = self.shared.clone();
        match verb {
            "NOOP" => self.say(shared.dialect.noop_in_transfer),
            "STAT" => self.say("211 A transfer runs"),
            "ABOR" => {
                if let Some(running) = self.running.take() {
                    running.stop();
                }
                for words in shared.dialect.aborted {
                    self.say(words);
                }
                Next::Stay
            }
            "QUIT" => Next::HangUp,
            _ => self.say("503 Unsupported command during transfer"),
        }
    }
}

enum Road {
    Accept(TcpListener),
    Connected(TcpStream),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Send,
    Receive,
    List,
    Facts,
}

/// All that a transfer needs.
struct Job {
    shared: Arc<Shared>,
    client: std::net::IpAddr,
    /// Strangers are turned away in these words.
    denial: Option<&'static str>,
    tls: Option<DataTls>,
    file: PathBuf,
    direction: Direction,
    restart: u64,
    /// It breaks off in the middle, in these words.
    breaks: Option<&'static str>,
}

impl Job {
    async fn run(
        self,
        id: u32,
        road: Road,
        tell: mpsc::UnboundedSender<News>,
        canceller: Arc<Mutex<Option<Canceller>>>,
    ) {
        let begin = |words| drop(tell.send(News::Begun(id, words)));
        let (words, next) = match self.carry(road, begin, &canceller).await {
            Ok(()) => (self.shared.dialect.done.to_owned(), Next::Stay),
            Err(ended) => ended,
        };
        // Nobody listens any more once the control connection is gone.
        let _ = tell.send(News::Ended(id, words, next));
    }

    async fn carry(
        self: &Job,
        road: Road,
        begin: impl Fn(&'static str),
        canceller: &Mutex<Option<Canceller>>,
    ) -> Result<(), (String, Next)> {
        let dialect = &self.shared.dialect;
        let tcp = self.join(road).await?;
        if let Begin::Connected(words) = dialect.begin {
            begin(words);
        }
        let data = self.shake_hands(tcp).await?;
        match dialect.begin {
            // An empty file is over before there is anything to say about it.
            Begin::Secured(_) if dialect.empty_at_once && self.is_empty() => {}
            Begin::Secured(words) => begin(words),
            Begin::Before(_) | Begin::Connected(_) => {}
        }
        *canceller.lock().unwrap_or_else(PoisonError::into_inner) = Some(data.canceller());
        let (file, direction, restart) = (self.file.clone(), self.direction, self.restart);
        let half = self.breaks.map(|_| file.metadata().map_or(0, |metadata| metadata.len() / 2));
        let shared = self.shared.clone();
        let moved =
            tokio::task::spawn_blocking(move || move_bytes(data, &file, direction, restart, half, &shared))
                .await;
        match moved.map_err(io::Error::other).and_then(|moved| moved) {
            Ok(()) => match self.breaks {
                Some(words) => Err((words.to_owned(), Next::Stay)),
                None => Ok(()),
            },
            Err(error) => Err((format!("426 Connection closed; transfer aborted: {error}"), Next::Stay)),
        }
    }

    fn is_empty(&self) -> bool {
        self.direction == Direction::Send && self.file.metadata().is_ok_and(|metadata| metadata.len() == 0)
    }

    /// The data connection, with the client or with a partner that may be one.
    async fn join(&self, road: Road) -> Result<TcpStream, (String, Next)> {
        let listener = match road {
            Road::Connected(tcp) => {
                return match self.turns_away(&tcp) {
                    Some(words) => Err((words.to_owned(), Next::Stay)),
                    None => Ok(tcp),
                };
            }
            Road::Accept(listener) => listener,
        };
        loop {
            let tcp = accept(&listener)
                .await
                .map_err(|error| (format!("425 Unable to open data connection: {error}"), Next::Stay))?;
            match self.turns_away(&tcp) {
                None => return Ok(tcp),
                Some(words) if self.shared.dialect.denial.kills_listener => {
                    return Err((words.to_owned(), Next::Stay));
                }
                // It goes on listening, for the right one.
                Some(_) => drop(tcp),
            }
        }
    }

    fn turns_away(&self, tcp: &TcpStream) -> Option<&'static str> {
        let peer = tcp.peer_addr().ok()?.ip();
        self.denial.filter(|_| peer != self.client && peer != self.shared.data)
    }

    async fn shake_hands(&self, tcp: TcpStream) -> Result<DataStream, (String, Next)> {
        let deadline = Instant::now() + HANDSHAKE;
        let client = self.tls.as_ref().map(DataTls::is_client);
        let dialect = &self.shared.dialect;
        let data = secure(tcp, self.tls.clone(), deadline, Meter::default()).await.map_err(|error| {
            let next = match dialect.tls_failure.1 {
                Parting::Stays => Next::Stay,
                Parting::HangsUp => Next::HangUp,
            };
            match error {
                HandshakeError::NotResumed => (dialect.reuse_demanded.to_owned(), Next::Stay),
                error => (dialect.tls_failure.0.replace("{}", &error.to_string()), next),
            }
        })?;
        self.shared.count(|roles| match client {
            Some(true) => roles.as_tls_client += 1,
            Some(false) => roles.as_tls_server += 1,
            None => roles.in_clear += 1,
        });
        Ok(data)
    }
}

fn move_bytes(
    data: DataStream,
    file: &std::path::Path,
    direction: Direction,
    restart: u64,
    length: Option<u64>,
    shared: &Shared,
) -> io::Result<()> {
    let progress: Arc<AtomicU64> = Arc::default();
    let moved = match direction {
        Direction::Send => data.send(&mut Sending(File::open(file)?), restart, length, &progress),
        Direction::List => {
            let listing = {
                let Dialect { listing_extra, times, .. } = &shared.dialect;
                format!("{listing_extra}{}", files::listing(file, times.listed)?)
            };
            data.send(&mut Listing(listing.into_bytes()), 0, None, &progress)
        }
        Direction::Facts => {
            data.send(&mut Listing(files::machine_listing(file)?.into_bytes()), 0, None, &progress)
        }
        Direction::Receive => {
            let stored = OpenOptions::new().write(true).create(true).truncate(false).open(file)?;
            stored.set_len(restart)?;
            let received = data.receive(&mut Receiving(stored, restart), &progress);
            shared.received.fetch_add(progress.load(Relaxed), Relaxed);
            received
        }
    };
    moved.map(drop).map_err(io::Error::other)
}

/// Longest handshake: long enough for a loaded machine, short enough for two that wait for each other.
const HANDSHAKE: Duration = Duration::from_secs(6);
