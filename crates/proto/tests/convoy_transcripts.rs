//! Many files between two servers, as transcripts: `tests/transcripts/convoy/*.txt`.
//!
//! Written as those of `pair_transcripts.rs`. `>: load 1 /a 10` gives the convoy a file; `!: taken` is not written:
//! whether it wants another one is asked by `>: wants yes`.

#[path = "script/logged_in.rs"]
mod logged_in;
mod script;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use fxp_proto::client::machine::{Action as Said, Machine};
use fxp_proto::client::request::Passive;
use fxp_proto::grammar::addr::Family;
use fxp_proto::grammar::change::TimeVerb;
use fxp_proto::grammar::params::DigestKind;
use fxp_proto::grammar::peer::{PeerKey, PeerPin};
use fxp_proto::grammar::reply::ReplyParser;
use fxp_proto::grammar::verb::Verb;
use fxp_proto::listing::time::FtpTime;
use fxp_proto::moment::Moment;
use fxp_proto::pair::convoy::{
    Action, Arrival, Cause, Convoy, Digests, Introduction, Load, Outcome, Queueing, Road,
};
use fxp_proto::pair::exchange::{Failure, LegFacts, Limits};
use fxp_proto::pair::leg::Leg;
use fxp_proto::pair::method::{Method, RoleVerb, TlsPart};
use fxp_proto::path::VPath;

use logged_in::logged_in;
use script::{every_script, lines, options, reply_line, show};

#[test]
fn every_convoy_goes_as_written() {
    every_script("convoy", play);
}

fn play(script: &str) -> Result<(), String> {
    let mut player: Option<Player> = None;
    for line in lines(script) {
        let at = |what: String| format!("line {}: {what}", line.number);
        let Some(player) = &mut player else {
            assert_eq!(line.speaker, ">", "a script begins with `>: convoy ...`");
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
    convoy: Convoy,
    /// Files have keys.
    keys: bool,
    legs: BTreeMap<Leg, (Machine, ReplyParser)>,
    log: VecDeque<String>,
    now: Moment,
}

impl Player {
    fn new(text: &str) -> Self {
        let road = road(text);
        let legs = Leg::BOTH.map(|leg| {
            let mut machine = logged_in(leg, text);
            machine.set_queueing(if leg == Leg::Source {
                road.source_queueing
            } else {
                road.destination_queueing
            });
            (leg, (machine, ReplyParser::default()))
        });
        let keys = road.proof == Introduction::Keys;
        let mut player = Player {
            convoy: Convoy::new(road),
            keys,
            legs: legs.into_iter().collect(),
            log: VecDeque::new(),
            now: Moment::START,
        };
        player.run();
        player
    }

    fn run(&mut self) {
        while let Some(action) = self.convoy.next() {
            match action {
                Action::Ask(leg, request) => {
                    let id = self.legs.get_mut(&leg).unwrap().0.ask(request, self.now);
                    self.convoy.asked(leg, id);
                    self.drain(leg);
                }
                Action::Begun(number) => self.log.push_back(format!("!: {number} begun")),
                Action::Ended(number, outcome) => {
                    self.log.push_back(format!("!: {number} {}", outcome_words(&outcome)));
                }
                Action::Done(arrival) => self.log.push_back(format!("!: {}", arrival_words(&arrival))),
            }
        }
    }

    fn drain(&mut self, leg: Leg) {
        while let Some(said) = self.legs.get_mut(&leg).unwrap().0.next() {
            match said {
                Said::Preliminary(id, reply) => self.convoy.preliminary(leg, id, &reply),
                Said::Done(id, answer) => self.convoy.answer(leg, id, answer, self.now),
                Said::Close(_) => {
                    self.log.push_back(format!("{leg} {}", show(&said)));
                    self.convoy.lost(leg, self.now);
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
            ("load", file) => {
                let load = load(file, self.keys);
                self.convoy.load(load, self.now);
            }
            ("wants", answer) => {
                let wants = if self.convoy.wants() { "yes" } else { "no" };
                if wants != answer {
                    return Err(format!("wants: {wants}"));
                }
            }
            ("finish", _) => self.convoy.finish(self.now),
            ("stop", _) => self.convoy.stop(self.now),
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
                self.convoy.tick(self.now);
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

/// `1 /a 10 2026-01-01`: number, path, size, and the year of the time if the listing told it.
fn load(text: &str, keyed: bool) -> Load {
    let words: Vec<&str> = text.split_whitespace().collect();
    let path = |text: String| VPath::parse(text.as_bytes()).unwrap();
    let number = words[0].parse().unwrap();
    Load {
        number,
        from: path(format!("/from{}", words[1])),
        place: path(format!("/to{}.part", words[1])),
        to: path(format!("/to{}", words[1])),
        size: words[2].parse().unwrap(),
        modified: words.get(3).map(|time| FtpTime::parse(time.as_bytes()).unwrap()),
        key: keyed.then(|| PeerKey::new([u8::try_from(number).unwrap(); PeerKey::LENGTH])),
    }
}

fn road(text: &str) -> Road {
    let words: Vec<&str> = text.split_whitespace().collect();
    let options = options(text);
    let leg = |key: &str| match options.get(key).copied() {
        Some("source") => Leg::Source,
        _ => Leg::Destination,
    };
    let queueing = |key: &str| match options.get(key).copied() {
        Some("none") => Queueing::None,
        Some("small") => Queueing::Small,
        Some("up-to-transfer") => Queueing::UpToTransfer,
        Some("with-transfer") => Queueing::WithTransfer,
        _ => Queueing::Always,
    };
    let tls = match words[1] {
        "plain" => None,
        "cpsv" => Some(TlsPart { client: leg("passive"), by: RoleVerb::Cpsv }),
        "sscn" => Some(TlsPart { client: leg("client"), by: RoleVerb::Sscn }),
        other => panic!("no such method: {other}"),
    };
    let verb = match words[1] {
        "cpsv" => Passive::Cpsv,
        _ if words.contains(&"epsv") => Passive::Epsv(Some(Family::V6)),
        _ => Passive::Pasv,
    };
    let facts = |name: &str, default: &str| {
        let features = options.get(format!("{name}-features").as_str()).copied().unwrap_or_default();
        let has = |feature: &str| features.split(',').any(|each| each == feature);
        LegFacts {
            path: VPath::root(),
            control_peer: options.get(name).copied().unwrap_or(default).parse::<IpAddr>().unwrap(),
            data_address: None,
            pret: has("PRET"),
            cepr: has("CEPR"),
            sscn: has("SSCN"),
            rate: None,
        }
    };
    Road {
        source: facts("source", "198.51.100.1"),
        destination: facts("destination", "203.0.113.9"),
        method: Method { passive: leg("passive"), verb, tls },
        proof: match options.get("proof").copied() {
            None => Introduction::None,
            Some("keys") => Introduction::Keys,
            Some(_) => Introduction::Pin {
                by: leg("proof"),
                pin: PeerPin { digests: vec![[0xab; 32]], from: Vec::new() },
            },
        },
        source_queueing: queueing("source-bears"),
        destination_queueing: queueing("destination-bears"),
        tells_time: !words.contains(&"no-mdtm"),
        set_time: (!words.contains(&"no-mfmt")).then_some(TimeVerb::Mfmt),
        digest: words.contains(&"digests").then_some(Digests {
            kind: DigestKind::Crc32,
            source: Verb::Xcrc,
            destination: Verb::Hash,
        }),
        limits: Limits::default(),
    }
}

fn outcome_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Settled(settled) => match &settled.digest {
            Some(digest) => format!("settled, {digest}, time {:?}", settled.time),
            None => format!("settled, time {:?}", settled.time),
        },
        Outcome::Unsettled(cause) => format!("unsettled: {}", cause_words(cause)),
        Outcome::Untouched => "untouched".to_owned(),
    }
}

fn cause_words(cause: &Cause) -> String {
    match cause {
        Cause::Failure(failure) => failure_words(failure),
        Cause::Size { told } => format!("size {told}"),
        Cause::Digest => "digest".to_owned(),
        Cause::Changed => "changed".to_owned(),
    }
}

fn arrival_words(arrival: &Arrival) -> String {
    let lost = [("source", arrival.source_usable), ("destination", arrival.destination_usable)];
    let lost: Vec<&str> = lost.into_iter().filter(|(_, usable)| !usable).map(|(name, _)| name).collect();
    let early = if arrival.failure.is_some() { "arrived early" } else { "arrived" };
    if lost.is_empty() { early.to_owned() } else { format!("{early}; replace {}", lost.join(" and ")) }
}

fn failure_words(failure: &Failure) -> String {
    let verb = failure.verb.map(|verb| format!(" {}", verb.name())).unwrap_or_default();
    let reply = failure.reply.as_ref().map(|reply| format!(", {reply}")).unwrap_or_default();
    format!("{} {:?}{verb} {:?}{reply}", failure.leg, failure.step, failure.class)
}
