//! Sessions: opens them, opens them again, and keeps the rules about passwords and certificates.
//!
//! * A password is asked for once per server and user, and never travels in clear unless the user
//!   said so: `--tls off`, or a yes when asked.
//! * Once TLS was seen on a server, its absence is an error.
//! * Data that the server does not protect (`PROT P` refused) needs the user's leave: `--secure prefer`
//!   or `off`.
//! * An unknown certificate is shown to the person; a yes is remembered.

mod ahead;
mod certificates;
mod door;
mod link;
mod seats;

use ahead::Ahead;
use certificates::Certificates;
use door::Doors;
pub(crate) use link::{Link, Parked};
pub(crate) use seats::{Open, Seat, Seats};

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fxp_client::connect::{ConnectError, Target, connect};
use fxp_client::session::Session;
use fxp_client::tls::HandshakeError;
use fxp_client::transcript::Recorder;
use fxp_client::trust::{Fingerprint, Trust, Untrusted, Verified};
use fxp_proto::client::manners::Queueing;
use fxp_proto::client::names::NameBytes;
use fxp_proto::client::request::{Expected, LoginTls};
use fxp_proto::grammar::params::Protection;
use fxp_proto::pair::exchange::Refusal;
use fxp_proto::wire::{secret::Secret, text::Text};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::book::Known;
use crate::clock::now;
use crate::context::{Context, Person};
use crate::patience::Budgets;
use crate::policy::Secure;
use crate::product::Product;
use crate::queueing;
use crate::report::{Trouble, TroubleKind};
use crate::site::{Server, TlsMode};
use crate::trouble;

/// What the sessions of one run share.
pub(crate) struct Pool {
    context: Context,
    /// What the user wants of data connections.
    secure: Secure,
    /// Held while a person is asked, so that two legs do not ask at once; remembers the answers.
    answers: Mutex<Answers>,
    /// How many sessions each server has room for.
    seats: Arc<Seats>,
    doors: Doors,
    /// Sessions that are opened in advance.
    ahead: Ahead,
    certificates: Certificates,
    /// How often each server is asked again.
    budgets: Arc<Budgets>,
}

/// Whom a login may ask what is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    /// The person, about certificates and about passwords in clear.
    ThePerson,
    /// Nobody: what would have to be asked is an error.
    Nobody,
}

type Credentials = (Text, Secret);

#[derive(Default)]
struct Answers {
    /// User and password by server and user named in the address.
    credentials: HashMap<(String, Option<Vec<u8>>), Credentials>,
    /// Servers to which a password may go in clear.
    clear: HashMap<String, bool>,
    /// Servers that refused `PROT P`, where that is bearable.
    unprotected: HashSet<String>,
}

impl Pool {
    pub(crate) fn new(context: Context, secure: Secure) -> Arc<Self> {
        Arc::new(Pool {
            context,
            secure,
            answers: Mutex::default(),
            seats: Arc::default(),
            doors: Doors::default(),
            ahead: Ahead::default(),
            certificates: Certificates::default(),
            budgets: Arc::default(),
        })
    }

    /// Who may have how many sessions.
    pub(crate) fn seats(&self) -> &Arc<Seats> {
        &self.seats
    }

    /// How often each server is asked again.
    pub(crate) fn budgets(&self) -> &Arc<Budgets> {
        &self.budgets
    }

    /// Says goodbye in all sessions that nobody needs just now.
    pub(crate) async fn close(&self) {
        let mut leaving = JoinSet::new();
        for (parked, open) in self.seats.parked() {
            leaving.spawn(parked.leave(open));
        }
        leaving.join_all().await;
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// A link that opens its session when it is first needed.
    pub(crate) fn link(self: &Arc<Self>, server: Server, leg: &'static str) -> Link {
        // One session and no more would forbid what may work by now.
        if let Some(ceiling) = self.known(&server).room(now()).filter(|&ceiling| ceiling > 1) {
            self.seats.expect(&server.key(), ceiling);
        }
        Link::new(self.clone(), server, leg)
    }

    /// A new session with `server`.
    pub(crate) async fn open(
        &self,
        server: &Server,
        recorder: Option<Recorder>,
        asks: Asks,
    ) -> Result<Session, Trouble> {
        let (user, password) = self.credentials(server).await?;
        let unprotected = self.answers.lock().await.unprotected.contains(&server.key());
        let mut target = Target {
            host: server.host.clone(),
            port: server.port,
            tls: first_mode(server.tls),
            protection: if unprotected { Protection::Clear } else { Protection::Private },
            trust: self.trust(server)?,
            user,
            password,
            swift: self.expected(server),
        };
        for round in 0..MAX_ROUNDS {
            let left_one = round > 0;
            let error = match self.connect_after(left_one, server, &target, recorder.as_ref()).await {
                Ok(mut session) => {
                    self.greeted(server, &session);
                    session.set_names(names_at(&session));
                    if self.secure == Secure::Require {
                        session.demand_protection();
                    }
                    return Ok(session);
                }
                Err(error) => error,
            };
            match &error {
                ConnectError::Tls { error: HandshakeError::Untrusted(certificate), .. }
                    if asks == Asks::ThePerson && self.trusts(server, certificate).await =>
                {
                    target.trust = self.trust(server)?;
                }
                ConnectError::NoTls { words, .. }
                    if asks == Asks::ThePerson && server.tls == TlsMode::Try =>
                {
                    self.may_go_in_clear(server, &target.user, words).await?;
                    target.tls = LoginTls::Off;
                }
                ConnectError::Refused { command, reply, .. }
                    if command == PROTECTED
                        && reply.code.number() != 421
                        && matches!(self.secure, Secure::Prefer | Secure::Off) =>
                {
                    self.answers.lock().await.unprotected.insert(server.key());
                    target.protection = Protection::Clear;
                }
                // It may have been too much for it at once.
                ConnectError::Gone { .. } if target.swift.take().is_some() => {
                    self.learn(server, |known| known.login = None);
                }
                _ => return Err(self.trouble(&error, server)),
            }
        }
        Err(Trouble::new(
            TroubleKind::Tls,
            format!("{} shows another certificate each time it is asked", server.host),
        ))
    }

    /// A login. If a connection of ours has ended just now, a server that has no room may not have noticed that yet.
    async fn connect_after(
        &self,
        left_one: bool,
        server: &Server,
        target: &Target,
        recorder: Option<&Recorder>,
    ) -> Result<Session, ConnectError> {
        let mut pause = FIRST_LOOK;
        loop {
            let on_the_way = self.doors.enter(&server.key()).await;
            let outcome = connect(target, &self.context.environment, recorder.cloned()).await;
            drop(on_the_way);
            let full = matches!(&outcome, Err(error) if self.trouble(error, server).crowded);
            if !(left_one && full) || pause > LAST_LOOK {
                return outcome;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    fn trouble(&self, error: &ConnectError, server: &Server) -> Trouble {
        trouble::of_connect(error, server, self.seats.open(&server.key()))
    }

    /// What a login in one flight can expect of a server that bears more than one command at once.
    fn expected(&self, server: &Server) -> Option<Expected> {
        let known = self.known(server);
        let features = known.login.as_ref()?;
        let has = |name: &str| features.iter().any(|feature| feature == name);
        (queueing::remembered(&known)? > Queueing::None)
            .then(|| Expected { clnt: has("CLNT"), utf8: has("UTF8") })
    }

    /// User and password, asked for once.
    async fn credentials(&self, server: &Server) -> Result<Credentials, Trouble> {
        let mut answers = self.answers.lock().await;
        let key = (server.key(), server.user.clone());
        if let Some(known) = answers.credentials.get(&key) {
            return Ok(known.clone());
        }
        let (host, named, command) =
            (server.host.clone(), server.user.clone(), server.site.password_command.clone());
        let asked = self
            .ask(move |person| {
                let user = named.or_else(|| person.user(&host).map(String::into_bytes));
                let user = user.unwrap_or_else(|| ANONYMOUS.as_bytes().to_vec());
                let password = match is_anonymous(&user) {
                    true => Some(Secret::new(GUEST_PASSWORD)),
                    false => person.password(&host, &String::from_utf8_lossy(&user), command.as_deref()),
                };
                (user, password)
            })
            .await;
        let (user, Some(password)) = asked else {
            return Err(Trouble::new(
                TroubleKind::Login,
                format!("no password for {} at {}", crate::url::printable(&asked.0), server.host),
            )
            .class(Refusal::Login)
            .remedy("put it into ~/.netrc, $FXP_PASSWORD, or give --password-command"));
        };
        let user = Text::new(user).map_err(|error| Trouble::new(TroubleKind::Usage, error.to_string()))?;
        answers.credentials.insert(key, (user.clone(), password.clone()));
        Ok((user, password))
    }

    /// Whom to trust: the site's certificate file and nothing else, or the roots and what was remembered.
    fn trust(&self, server: &Server) -> Result<Trust, Trouble> {
        if let Some(path) = &server.site.certificate {
            let pinned = fingerprint_of_file(path).map_err(|error| {
                Trouble::new(TroubleKind::Tls, format!("{}: {error}", path.display()))
                    .remedy("the site entry's `certificate` is a PEM file with the server's certificate")
            })?;
            return Ok(Trust { roots: false, pinned: vec![pinned] });
        }
        // What does not parse was edited by hand; it trusts nobody.
        let pinned = self.known(server).trusted.iter().filter_map(|text| text.parse().ok()).collect();
        Ok(Trust { roots: true, pinned })
    }

    /// Asks the person about a certificate, and remembers a yes.
    async fn trusts(&self, server: &Server, certificate: &Untrusted) -> bool {
        if server.site.certificate.is_some() {
            return false;
        }
        // Held while the person thinks: one question at a time.
        let _one = self.answers.lock().await;
        let text = certificate.fingerprint.to_string();
        if self.known(server).trusted.contains(&text) {
            return true;
        }
        let (host, shown) = (server.host.clone(), certificate.clone());
        let yes = self.ask(move |person| person.trust(&host, &shown)).await;
        if yes {
            self.learn(server, |known| known.accept(text, certificate.changed));
        }
        yes
    }

    /// The server offers no TLS although nothing forbids clear: may it go on so?
    async fn may_go_in_clear(&self, server: &Server, user: &Text, words: &str) -> Result<(), Trouble> {
        let refused = |what: String| Trouble::new(TroubleKind::Tls, what).class(Refusal::TlsRole);
        if self.known(server).tls_seen {
            return Err(refused(format!(
                "{} offers no TLS ({words}), although it did before: somebody may be in between",
                server.host
            ))
            .remedy("--tls off (or tls = \"off\" in the site entry) if it really was switched off"));
        }
        if is_anonymous(user.as_bytes()) {
            return Ok(());
        }
        let mut answers = self.answers.lock().await;
        let asked = match answers.clear.get(&server.key()) {
            Some(&answer) => answer,
            None => {
                let host = server.host.clone();
                self.ask(move |person| person.clear_password(&host)).await
            }
        };
        answers.clear.insert(server.key(), asked);
        if asked {
            return Ok(());
        }
        Err(refused(format!(
            "{} offers no TLS ({words}), and the password was not sent in clear",
            server.host
        ))
        .remedy("--tls off, or tls = \"off\" in the site entry, sends it in clear"))
    }

    /// Takes note of what the server showed.
    fn greeted(&self, server: &Server, session: &Session) {
        let banner = banner(session);
        let product = product(session).map(|product| product.name.to_owned());
        let mut anew = false;
        self.learn(server, |known| {
            known.tls_seen |= session.tls().is_some();
            anew = known.greeted(&banner);
            known.product = product;
            let decisive = ["CLNT", "UTF8"].into_iter().filter(|name| session.facts().features.has(name));
            known.login = Some(decisive.map(str::to_owned).collect());
        });
        if anew {
            tracing::debug!(server = server.key(), "the banner changed, facts forgotten");
            let mut book = self.context.known.lock().expect("no holder of the lock panics");
            book.forget_times(&server.key());
        }
    }

    /// What is known of a server.
    pub(crate) fn known(&self, server: &Server) -> Known {
        self.context.known.lock().expect("no holder of the lock panics").of(&server.key())
    }

    /// Changes what is known of a server, and saves it. That it cannot be saved hinders nothing now.
    pub(crate) fn learn(&self, server: &Server, change: impl FnOnce(&mut Known)) {
        let mut book = self.context.known.lock().expect("no holder of the lock panics");
        let known = book.servers.entry(server.key()).or_default();
        let before = known.clone();
        change(known);
        known.stamp(&before, now());
        if *known != before
            && let Err(error) = book.save()
        {
            tracing::warn!(file = %book.path.display(), %error, "what was learned is not saved");
        }
    }

    /// Asks the person on a thread that may block.
    async fn ask<T: Send + 'static>(&self, question: impl FnOnce(&dyn Person) -> T + Send + 'static) -> T {
        let person = self.context.person.clone();
        tokio::task::spawn_blocking(move || question(&*person)).await.expect("the question does not panic")
    }
}

/// The product that the session reveals.
pub(crate) fn product(session: &Session) -> Option<&'static Product> {
    let facts = session.facts();
    let system = facts.system.as_ref().map(ToString::to_string).unwrap_or_default();
    Product::recognise(&banner(session), &system, &facts.features)
}

/// What is known of the server's ways with names; PEER gives fxpd away behind any greeting.
fn names_at(session: &Session) -> NameBytes {
    match product(session) {
        Some(product) => product.names,
        None if session.facts().features.has("PEER") => NameBytes::Doubled,
        None => NameBytes::Unknown,
    }
}

/// The greeting as one string.
pub(crate) fn banner(session: &Session) -> String {
    let lines: Vec<String> = session.facts().banner.lines.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// How a certificate was verified, in reports.
pub(crate) fn verified_word(verified: Verified) -> &'static str {
    match verified {
        Verified::Roots => "roots",
        Verified::Pinned => "pinned",
    }
}

/// What to begin with. `try` begins like `require`, so that the person can be asked before a password
/// goes out in clear.
fn first_mode(mode: TlsMode) -> LoginTls {
    match mode {
        TlsMode::Off => LoginTls::Off,
        TlsMode::Try | TlsMode::Require => LoginTls::Require,
        TlsMode::Implicit => LoginTls::Implicit,
    }
}

/// The fingerprint of the first certificate in a PEM file.
fn fingerprint_of_file(path: &Path) -> Result<Fingerprint, pem::Error> {
    let certificate = CertificateDer::from_pem_file(path)?;
    Ok(Fingerprint(Sha256::digest(&certificate).into()))
}

fn is_anonymous(user: &[u8]) -> bool {
    user.eq_ignore_ascii_case(ANONYMOUS.as_bytes()) || user.eq_ignore_ascii_case(b"ftp")
}

const ANONYMOUS: &str = "anonymous";

/// By custom a guest's password is a mail address; this one says who asks and belongs to nobody.
const GUEST_PASSWORD: &str = "fxp@";

/// What a server refuses that protects only commands.
const PROTECTED: &str = "PROT P";

/// How often one `open` connects: at first, after a yes to the certificate, and in clear or without
/// `PROT P`; one more for a cluster that shows a second certificate, and one for a server that does not bear a login in one flight.
const MAX_ROUNDS: u32 = 5;

/// The pauses before a server is asked again that may still count a connection which has ended: 20 ms, doubled up to
/// this, some more than a second in all.
const FIRST_LOOK: Duration = Duration::from_millis(20);

const LAST_LOOK: Duration = Duration::from_millis(640);
