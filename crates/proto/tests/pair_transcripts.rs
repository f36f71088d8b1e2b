//! One file between two servers, as transcripts: `tests/transcripts/pair/*.txt`.
//!
//! The exchange drives two real client machines. `source C:` and `destination C:` are what the two
//! servers must be sent, `source S:` and `destination S:` what they answer; `!:` is what the exchange
//! says, `source !:` what that leg's machine says; `>:` is the driver. All of it in this order.

#[path = "script/logged_in.rs"]
mod logged_in;
mod script;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use fxp_proto::client::machine::{Action as Said, Machine};
use fxp_proto::client::request::{Answer, Passive, RequestId};
use fxp_proto::grammar::addr::Family;
use fxp_proto::grammar::peer::{PeerKey, PeerPin};
use fxp_proto::grammar::rate::RateLimit;
use fxp_proto::grammar::reply::ReplyParser;
use fxp_proto::moment::Moment;
use fxp_proto::pair::exchange::{Action, Exchange, Failure, Job, LegFacts, Limits, Proof, Verdict};
use fxp_proto::pair::leg::Leg;
use fxp_proto::pair::method::{Method, RoleVerb, TlsPart};
use fxp_proto::path::VPath;

use logged_in::logged_in;
use script::{every_script, lines, options, reply_line, show};

#[test]
fn every_copy_goes_as_written() {
    every_script("pair", play);
}

fn play(script: &str) -> Result<(), String> {
    let mut player: Option<Player> = None;
    for line in lines(script) {
        let at = |what: String| format!("line {}: {what}", line.number);
        let Some(player) = &mut player else {
            assert_eq!(line.speaker, ">", "a script begins with `>: copy ...`");
            player = Some(Player::new(&line.text));
            continue;
        };
        match line.speaker.as_str() {
            "source C" | "destination C" | "source !" | "destination !" | "!" => {
                player.expect(&format!("{}: {}", line.speaker, line.text)).map_err(at)?;
            }
            "source S" => player.hear(Leg::Source, &line.text).map_err(at)?,
            "destination S" => player.hear(Leg::Destination, &line.text).map_err(at)?,
            ">" => player.drive(&line.text).map_err(at)?,
            other => return Err(at(format!("nobody is called {other}"))),
        }
    }
    player.expect("a script has lines").silence()
}

struct Player {
    exchange: Exchange,
    legs: BTreeMap<Leg, (Machine, ReplyParser)>,
    log: VecDeque<String>,
    now: Moment,
}

impl Player {
    fn new(text: &str) -> Self {
        let legs = Leg::BOTH.map(|leg| (leg, (logged_in(leg, text), ReplyParser::default())));
        let now = Moment::START;
        let mut player = Player {
            exchange: Exchange::new(job(text), now),
            legs: legs.into_iter().collect(),
            log: VecDeque::new(),
            now,
        };
        player.run();
        player
    }

    /// What a driver does: feed, drain, until nothing moves.
    fn run(&mut self) {
        while let Some(action) = self.exchange.next() {
            match action {
                Action::Ask(leg, request) => {
                    let id = self.legs.get_mut(&leg).unwrap().0.ask(request, self.now);
                    self.exchange.asked(leg, id);
                    self.drain(leg);
                }
                Action::Progress(step) => self.log.push_back(format!("!: {step:?}").to_lowercase()),
                Action::Done(verdict) => self.log.push_back(format!("!: {}", verdict_words(&verdict))),
            }
        }
    }

    fn drain(&mut self, leg: Leg) {
        while let Some(said) = self.legs.get_mut(&leg).unwrap().0.next() {
            match said {
                Said::Preliminary(id, reply) => self.exchange.preliminary(leg, id, reply, self.now),
                Said::Done(id, answer) => self.exchange.answer(leg, id, answer, self.now),
                Said::Close(_) => {
                    self.log.push_back(format!("{leg} {}", show(&said)));
                    self.exchange.lost(leg, self.now);
                }
                _ => self.log.push_back(format!("{leg} {}", show(&said))),
            }
        }
    }

    fn hear(&mut self, leg: Leg, text: &str) -> Result<(), String> {
        self.silence()?;
        let (machine, parser) = self.legs.get_mut(&leg).unwrap();
        if let Some(reply) = reply_line(parser, text) {
            machine.reply(reply, self.now);
            self.drain(leg);
            self.run();
        }
        Ok(())
    }

    fn drive(&mut self, text: &str) -> Result<(), String> {
        self.silence()?;
        match text.split_once(' ').unwrap_or((text, "")) {
            ("stop", _) => self.exchange.abort(self.now),
            ("more", "arrives") => self.exchange.progressed(self.now),
            ("eof", leg) => {
                let leg = Leg::BOTH.into_iter().find(|each| each.to_string() == leg).unwrap();
                self.legs.get_mut(&leg).unwrap().0.eof();
                self.drain(leg);
            }
            ("wait", time) => {
                self.now = self.now + Duration::from_secs(time.trim_end_matches('s').parse().unwrap());
                for leg in Leg::BOTH {
                    self.legs.get_mut(&leg).unwrap().0.tick(self.now);
                    self.drain(leg);
                }
                self.exchange.tick(self.now);
            }
            (other, _) => return Err(format!("no driver can {other}")),
        }
        self.run();
        Ok(())
    }

    fn expect(&mut self, expected: &str) -> Result<(), String> {
        match self.log.pop_front() {
            Some(found) if found == expected => Ok(()),
            found => Err(format!("expected {expected:?}, found {found:?}, then {:?}", self.log)),
        }
    }

    fn silence(&self) -> Result<(), String> {
        if self.log.is_empty() { Ok(()) } else { Err(format!("nobody expected {:?}", self.log)) }
    }
}

fn job(text: &str) -> Job {
    let words: Vec<&str> = text.split_whitespace().collect();
    let options = options(text);
    let method = words.get(1).copied().unwrap_or_default();
    let leg = |key: &str| match options.get(key).copied() {
        Some("source") => Leg::Source,
        _ => Leg::Destination,
    };
    let tls = match method {
        "plain" => None,
        "cpsv" => Some(TlsPart { client: leg("passive"), by: RoleVerb::Cpsv }),
        "sscn" => Some(TlsPart { client: leg("client"), by: RoleVerb::Sscn }),
        other => panic!("no such method: {other}"),
    };
    let verb = match method {
        "cpsv" => Passive::Cpsv,
        _ if words.contains(&"epsv") => Passive::Epsv(Some(Family::V6)),
        _ => Passive::Pasv,
    };
    let facts = |name: &str, default: &str, path: &str| {
        let features = options.get(format!("{name}-features").as_str()).copied().unwrap_or_default();
        let has = |feature: &str| features.split(',').any(|each| each == feature);
        let address = options.get(name).copied().unwrap_or(default);
        LegFacts {
            path: VPath::parse(path.as_bytes()).unwrap(),
            control_peer: address.parse::<IpAddr>().unwrap(),
            data_address: None,
            pret: has("PRET"),
            cepr: has("CEPR"),
            sscn: has("SSCN"),
            rate: features
                .split(',')
                .find_map(|each| RateLimit::parse(each.strip_prefix("RATE=")?.as_bytes()).ok()?),
        }
    };
    Job {
        source: facts("source", "198.51.100.1", "/from/a file"),
        destination: facts("destination", "203.0.113.9", options.get("to").copied().unwrap_or("/to/a file")),
        method: Method { passive: leg("passive"), verb, tls },
        proof: match options.get("proof").copied() {
            None => Proof::None,
            Some("key") => Proof::Key(PeerKey::new([7; PeerKey::LENGTH])),
            Some(_) => {
                Proof::Pin { by: leg("proof"), pin: PeerPin { digests: vec![[0xab; 32]], from: Vec::new() } }
            }
        },
        restart: options.get("restart").map_or(0, |offset| offset.parse().unwrap()),
        limits: Limits {
            follow: options.get("follow").map(|seconds| Duration::from_secs(seconds.parse().unwrap())),
            ..Limits::default()
        },
    }
}

fn verdict_words(verdict: &Verdict) -> String {
    let outcome = match &verdict.result {
        Ok(copied) => format!("copied, {} / {}", copied.source, copied.destination),
        Err(failure) => failure_words(failure),
    };
    let lost = [("source", verdict.source_usable), ("destination", verdict.destination_usable)];
    let lost: Vec<&str> = lost.into_iter().filter(|(_, usable)| !usable).map(|(name, _)| name).collect();
    let outcome = outcome.replace('\n', " / ");
    if lost.is_empty() { outcome } else { format!("{outcome}; replace {}", lost.join(" and ")) }
}

fn failure_words(failure: &Failure) -> String {
    let mut words = format!("failed: {} {:?}", failure.leg, failure.step);
    if let Some(verb) = failure.verb {
        words += &format!(" {}", verb.name());
    }
    words += &format!(" {:?}", failure.class);
    if let Some(reply) = &failure.reply {
        words += &format!(", {reply}");
    }
    if let Some(other) = &failure.other {
        words += &format!("; the other says {other}");
    }
    words
}

/// Requests are named by their machine; two machines may use the same numbers.
#[test]
fn the_legs_do_not_take_each_others_answers() {
    let mut exchange = Exchange::new(job("copy plain"), Moment::START);
    let first = RequestId(1);
    exchange.asked(Leg::Destination, first);
    exchange.answer(Leg::Source, first, Answer::Lost, Moment::START);
    let done = std::iter::from_fn(|| exchange.next()).any(|action| matches!(action, Action::Done(_)));
    assert!(!done);
}
