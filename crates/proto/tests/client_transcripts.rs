//! Control connections seen from the client, as transcripts: `tests/transcripts/client/*.txt`.
//!
//! `C:` is what the machine must send, `!:` what else it must do, in this order and nothing else;
//! `S:` is a line from the server, `>:` something that the driver does.

mod script;

use std::net::IpAddr;
use std::time::Duration;

use fxp_proto::client::machine::Machine;
use fxp_proto::client::manners::{Manners, Queueing};
use fxp_proto::client::request::{Expected, Login, LoginTls, Passive, Request, Setting};
use fxp_proto::grammar::addr::{Family, HostPort};
use fxp_proto::grammar::command::Command;
use fxp_proto::grammar::params::{Protection, TlsRole, TransferType};
use fxp_proto::grammar::peer::{PeerKey, PeerPin};
use fxp_proto::grammar::reply::ReplyParser;
use fxp_proto::moment::Moment;
use fxp_proto::wire::secret::Secret;
use fxp_proto::wire::text::Text;

use script::{every_script, lines, options, reply_line, show};

#[test]
fn every_dialogue_goes_as_written() {
    every_script("client", play);
}

fn play(script: &str) -> Result<(), String> {
    let mut player = Player::new();
    for line in lines(script) {
        let at = |what: String| format!("line {}: {what}", line.number);
        match line.speaker.as_str() {
            "C" | "!" => player.expect(&format!("{}: {}", line.speaker, line.text)).map_err(at)?,
            "S" => player.hear(&line.text).map_err(at)?,
            ">" => player.drive(&line.text).map_err(at)?,
            other => return Err(at(format!("nobody is called {other}"))),
        }
    }
    player.silence()
}

struct Player {
    machine: Machine,
    parser: ReplyParser,
    now: Moment,
}

impl Player {
    fn new() -> Self {
        Player { machine: Machine::new(Moment::START), parser: ReplyParser::default(), now: Moment::START }
    }

    fn expect(&mut self, expected: &str) -> Result<(), String> {
        match self.machine.next().map(|action| show(&action)) {
            Some(found) if found == expected => Ok(()),
            found => Err(format!("expected {expected:?}, found {found:?}")),
        }
    }

    /// Whatever happens next, the machine must have nothing left to do.
    fn silence(&mut self) -> Result<(), String> {
        match self.machine.next() {
            Some(action) => Err(format!("nobody expected {:?}", show(&action))),
            None => Ok(()),
        }
    }

    fn hear(&mut self, text: &str) -> Result<(), String> {
        self.silence()?;
        if let Some(reply) = reply_line(&mut self.parser, text) {
            self.machine.reply(reply, self.now);
        }
        Ok(())
    }

    fn drive(&mut self, text: &str) -> Result<(), String> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        if word != "at-once" {
            self.silence()?;
        }
        match word {
            "window" => {
                let manners = Manners { window: rest.parse().unwrap(), ..Manners::default() };
                self.machine = Machine::with_manners(manners);
            }
            "queueing" => self.machine.set_queueing(match rest {
                "none" => Queueing::None,
                "small" => Queueing::Small,
                "up-to-transfer" => Queueing::UpToTransfer,
                "always" => Queueing::Always,
                other => panic!("no such queueing: {other}"),
            }),
            // `at-once` asks before the actions of the request before are drained.
            "ask" | "at-once" => drop(self.machine.ask(request(rest), self.now)),
            "tls" => self.machine.tls(rest == "ok", self.now),
            "eof" => self.machine.eof(),
            "wait" => {
                self.now = self.now + Duration::from_secs(rest.trim_end_matches('s').parse().unwrap());
                self.machine.tick(self.now);
            }
            other => return Err(format!("no driver can {other}")),
        }
        Ok(())
    }
}

fn request(text: &str) -> Request {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    match word {
        "login" => Request::Login(login(rest)),
        "command" => Request::Command(Command::parse(rest.as_bytes()).unwrap()),
        "set" => Request::Set(setting(rest)),
        "pasv" => Request::Passive(Passive::Pasv),
        "cpsv" => Request::Passive(Passive::Cpsv),
        "epsv" => Request::Passive(Passive::Epsv(match rest {
            "1" => Some(Family::V4),
            "2" => Some(Family::V6),
            _ => None,
        })),
        "active" => {
            let (ip, port) = rest.split_once(' ').unwrap();
            let ip: IpAddr = ip.parse().unwrap();
            Request::Active(HostPort::new(ip, port.parse().unwrap()).unwrap())
        }
        "introduce" => Request::Introduce(PeerKey::new([7; PeerKey::LENGTH])),
        "restart" => Request::Restart(rest.parse().unwrap()),
        "transfer" => Request::Transfer(Command::parse(rest.as_bytes()).unwrap()),
        "abort" => Request::Abort,
        "quit" => Request::Quit,
        other => panic!("nobody can ask {other}"),
    }
}

fn login(text: &str) -> Login {
    let options = options(text);
    let bytes = |key: &str| options.get(key).map(|value| Text::new(value.as_bytes()).unwrap());
    Login {
        user: bytes("user").unwrap_or_else(|| Text::from("anna")),
        password: Secret::new(options.get("password").copied().unwrap_or("secret").replace("\\n", "\n")),
        tls: match options.get("tls").copied() {
            None | Some("off") => LoginTls::Off,
            Some("try") => LoginTls::Try,
            Some("require") => LoginTls::Require,
            Some("implicit") => LoginTls::Implicit,
            Some(other) => panic!("no such TLS: {other}"),
        },
        protection: if options.contains_key("clear") { Protection::Clear } else { Protection::Private },
        host: bytes("host"),
        swift: options
            .get("swift")
            .map(|expected| Expected { clnt: expected.contains("CLNT"), utf8: expected.contains("UTF8") }),
    }
}

fn setting(text: &str) -> Setting {
    match text {
        "type I" => Setting::Type(TransferType::Image),
        "type A" => Setting::Type(TransferType::Ascii),
        "protection private" => Setting::Protection(Protection::Private),
        "protection clear" => Setting::Protection(Protection::Clear),
        "role client" => Setting::Role(TlsRole::Client),
        "role server" => Setting::Role(TlsRole::Server),
        "extended on" => Setting::ExtendedReply(true),
        "extended off" => Setting::ExtendedReply(false),
        "peer off" => Setting::Peer(None),
        "peer pin" => Setting::Peer(Some(PeerPin { digests: vec![[0xab; 32]], from: Vec::new() })),
        "peer other-pin" => Setting::Peer(Some(PeerPin { digests: vec![[0xcd; 32]], from: Vec::new() })),
        other => panic!("no such setting: {other}"),
    }
}
