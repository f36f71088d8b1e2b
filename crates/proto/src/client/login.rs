//! The login: greeting, TLS, user, and what must be known and set before the first transfer.
//!
//! ```text
//! Greeting ─┬─ Auth ── Handshake ─┬─ (Feat ── Host) ── User ── Pass ── Feat ── Settle ── done
//!           └─────────────────────┘
//! ```
//!
//! A server that is known to bear it gets everything from USER on in one write.
//!
//! Nothing that a server says before TLS decides anything (CVE-2021-22946, CVE-2021-22947): the
//! greeting's code only tells that somebody is there, features are asked for after the login, and a
//! `230` where `220` is expected skips neither AUTH nor USER.

use std::collections::VecDeque;

use crate::grammar::command::Command;
use crate::grammar::feat::Features;
use crate::grammar::params::Protection;
use crate::grammar::quote::parse_257;
use crate::grammar::reply::Reply;
use crate::grammar::verb::Verb;
use crate::path::VPath;
use crate::wire::text::Text;

use super::request::{Answer, Expected, LoggedIn, Login, LoginTls, NO_COMMAND};
use super::settings::Settings;
use super::task::{Next, refused};

/// How we name ourselves where a server asks (CLNT).
const CLIENT_NAME: &str = "fxp";

/// A login under way.
#[derive(Debug)]
pub(super) struct LoginChain {
    login: Login,
    stage: Stage,
    window: usize,
    banner: Option<Reply>,
    features: Features,
    system: Option<Text>,
    home: VPath,
    secured: bool,
    role_verb: Option<Verb>,
    /// Commands of the last stage that are still to be sent.
    waiting: VecDeque<Command>,
    /// How many of them are under way.
    sent: usize,
    /// USER was enough.
    entered: bool,
    /// The refusal that decided, while replies to commands already sent are still due.
    refusal: Option<Answer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    Auth,
    Handshake,
    /// FEAT before USER, to see whether the server knows HOST (RFC 7151).
    HostFeatures,
    Host,
    User,
    Pass,
    Features,
    Settle,
    /// USER, PASS, FEAT and the settlement at once.
    Swift,
}

impl LoginChain {
    /// The chain and its first step: waiting for the greeting, or the handshake that precedes it.
    pub(super) fn begin(login: Login, window: usize) -> (Self, Next) {
        let implicit = login.tls == LoginTls::Implicit;
        let chain = LoginChain {
            login,
            stage: if implicit { Stage::Handshake } else { Stage::Greeting },
            window,
            banner: None,
            features: Features::default(),
            system: None,
            home: VPath::root(),
            secured: false,
            role_verb: None,
            waiting: VecDeque::new(),
            sent: 0,
            entered: false,
            refusal: None,
        };
        (chain, if implicit { Next::StartTls } else { Next::Wait })
    }

    /// True while the handshake is under way: what arrives now was sent before it and is dropped.
    pub(super) fn in_handshake(&self) -> bool {
        self.stage == Stage::Handshake
    }

    /// The verb that switches the TLS role here, if one is offered.
    pub(super) fn role_verb(&self) -> Option<Verb> {
        self.role_verb
    }

    /// Inside TLS now.
    pub(super) fn secured(&mut self) -> Next {
        self.secured = true;
        if self.login.tls == LoginTls::Implicit {
            self.stage = Stage::Greeting;
            return Next::Wait;
        }
        self.introduce()
    }

    /// Takes the final reply to `command`; the greeting answers none and comes with any command.
    pub(super) fn reply(&mut self, command: &Command, reply: Reply, settings: &Settings) -> Next {
        match self.stage {
            Stage::Greeting => self.greeting(reply),
            Stage::Auth => self.auth(command, reply),
            // The machine drops what arrives during the handshake.
            Stage::Handshake => Next::Wait,
            Stage::HostFeatures => self.host_features(&reply),
            Stage::Host => self.host(command, reply),
            Stage::User => self.user(command, reply),
            Stage::Pass => self.pass(command, reply),
            Stage::Features => self.features(&reply),
            Stage::Settle => self.settle(command, reply, settings),
            Stage::Swift => self.swift(command, reply, settings),
        }
    }

    fn greeting(&mut self, reply: Reply) -> Next {
        if !reply.code.is_completion() {
            return Next::Done(Answer::Refused { command: NO_COMMAND.to_owned(), reply });
        }
        self.banner = Some(reply);
        match self.login.tls {
            LoginTls::Try | LoginTls::Require => self.send(Stage::Auth, Command::new(Verb::Auth, "TLS")),
            LoginTls::Off | LoginTls::Implicit => self.introduce(),
        }
    }

    fn auth(&mut self, command: &Command, reply: Reply) -> Next {
        match reply.code.number() {
            // 334 is RFC 2228's "more to come"; some servers send it where they mean 234.
            234 | 334 => {
                self.stage = Stage::Handshake;
                Next::StartTls
            }
            // Servers from before RFC 4217 know the mechanism by its older name only.
            504 if command.argument.as_bytes() == b"TLS" => {
                self.send(Stage::Auth, Command::new(Verb::Auth, "SSL"))
            }
            _ if self.login.tls == LoginTls::Try => self.introduce(),
            _ => Next::Done(refused(command, reply)),
        }
    }

    /// HOST where it is wanted, else USER.
    fn introduce(&mut self) -> Next {
        match self.login.host {
            Some(_) => self.send(Stage::HostFeatures, Command::bare(Verb::Feat)),
            None => self.say_user(),
        }
    }

    fn host_features(&mut self, reply: &Reply) -> Next {
        let offered = Features::parse(reply).has("HOST");
        match self.login.host.clone() {
            Some(host) if offered => self.send(Stage::Host, Command::new(Verb::Host, host)),
            _ => self.say_user(),
        }
    }

    fn host(&mut self, command: &Command, reply: Reply) -> Next {
        // Going on after a 504 would log in to another site than the one that was asked for.
        if reply.code.is_completion() { self.say_user() } else { Next::Done(refused(command, reply)) }
    }

    fn say_user(&mut self) -> Next {
        if let (Some(expected), Ok(password)) = (self.login.swift, Text::new(self.login.password.expose())) {
            return self.say_all(expected, password);
        }
        self.send(Stage::User, Command::new(Verb::User, self.login.user.clone()))
    }

    fn user(&mut self, command: &Command, reply: Reply) -> Next {
        match reply.code.number() {
            331 | 336 => self.say_password(command, reply),
            // 332 asks for an account, which nobody has had since the 1980s: the words say so.
            _ if reply.code.is_completion() => self.send(Stage::Features, Command::bare(Verb::Feat)),
            _ => Next::Done(refused(command, reply)),
        }
    }

    fn say_password(&mut self, command: &Command, reply: Reply) -> Next {
        match Text::new(self.login.password.expose()) {
            Ok(password) => self.send(Stage::Pass, Command::new(Verb::Pass, password)),
            // A line end inside a password cannot be sent; the server would read a second command.
            Err(_) => Next::Done(refused(command, reply)),
        }
    }

    fn pass(&mut self, command: &Command, reply: Reply) -> Next {
        if reply.code.is_completion() {
            self.send(Stage::Features, Command::bare(Verb::Feat))
        } else {
            Next::Done(refused(command, reply))
        }
    }

    fn say_all(&mut self, expected: Expected, password: Text) -> Next {
        let user = Command::new(Verb::User, self.login.user.clone());
        let mut commands = vec![user, Command::new(Verb::Pass, password), Command::bare(Verb::Feat)];
        commands.extend(self.settlement(expected));
        self.stage = Stage::Swift;
        self.sent = commands.len();
        Next::Send(commands)
    }

    /// Whoever is not let in hears so at once: what the server says to the rest is of no interest.
    fn swift(&mut self, command: &Command, reply: Reply, settings: &Settings) -> Next {
        match command.verb {
            Verb::User if reply.code.is_completion() => self.entered = true,
            Verb::User if matches!(reply.code.number(), 331 | 336) => {}
            Verb::Pass if self.entered || reply.code.is_completion() => {}
            Verb::User | Verb::Pass => return Next::Done(refused(command, reply)),
            Verb::Feat => self.learn(&reply),
            _ => return self.settle(command, reply, settings),
        }
        self.sent -= 1;
        Next::Wait
    }

    fn learn(&mut self, reply: &Reply) {
        self.features = Features::parse(reply);
        // lundftpd offers both, older servers only the second.
        self.role_verb = [Verb::Sscn, Verb::Ccsn].into_iter().find(|verb| self.features.has(verb.name()));
    }

    fn features(&mut self, reply: &Reply) -> Next {
        self.learn(reply);
        self.waiting = self.settlement(Expected::of(&self.features));
        self.stage = Stage::Settle;
        self.go_on()
    }

    /// What is asked and set once the login stands. None of it but PROT can make the login fail.
    fn settlement(&self, offered: Expected) -> VecDeque<Command> {
        let mut commands = VecDeque::from([Command::bare(Verb::Syst)]);
        if offered.clnt {
            commands.push_back(Command::new(Verb::Clnt, CLIENT_NAME));
        }
        if offered.utf8 {
            commands.push_back(Command::new(Verb::Opts, "UTF8 ON"));
        }
        if self.secured {
            commands.push_back(Command::new(Verb::Pbsz, "0"));
            commands.push_back(Command::new(Verb::Prot, self.login.protection.letter()));
        }
        commands.push_back(Command::new(Verb::Type, "I"));
        commands.push_back(Command::bare(Verb::Pwd));
        commands
    }

    fn settle(&mut self, command: &Command, reply: Reply, settings: &Settings) -> Next {
        self.sent = self.sent.saturating_sub(1);
        match command.verb {
            Verb::Syst if reply.code.is_completion() => self.system = Some(reply.text().clone()),
            Verb::Pwd if reply.code.number() == 257 => self.home = home_of(&reply),
            // Asked for protection and not given it: going on would be a silent downgrade.
            Verb::Prot if !reply.code.is_completion() && self.login.protection == Protection::Private => {
                self.refusal = Some(refused(command, reply));
                self.waiting.clear();
            }
            _ => {}
        }
        if self.sent == 0 && self.waiting.is_empty() {
            return Next::Done(self.finish(settings));
        }
        self.go_on()
    }

    /// The next commands of the last stage, as many as the window allows.
    fn go_on(&mut self) -> Next {
        let room = self.window.saturating_sub(self.sent).min(self.waiting.len());
        if room == 0 {
            return Next::Wait;
        }
        self.sent += room;
        Next::Send(self.waiting.drain(..room).collect())
    }

    fn finish(&mut self, settings: &Settings) -> Answer {
        if let Some(refusal) = self.refusal.take() {
            return refusal;
        }
        Answer::LoggedIn(LoggedIn {
            banner: self.banner.take().unwrap_or_else(|| Reply::new(220, "")),
            features: std::mem::take(&mut self.features),
            system: self.system.take(),
            home: std::mem::take(&mut self.home),
            secured: self.secured,
            protection: settings.protection(),
        })
    }

    fn send(&mut self, stage: Stage, command: Command) -> Next {
        self.stage = stage;
        Next::Send(vec![command])
    }
}

/// The directory of a 257, the root where it makes no sense.
fn home_of(reply: &Reply) -> VPath {
    parse_257(reply).and_then(|path| VPath::parse(path.as_bytes()).ok()).unwrap_or_default()
}
