//! Scripts of two legs: what stands between them, their sessions, and the driver.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use fxp_proto::client::machine::{Action as Said, Machine};
use fxp_proto::client::request::{Answer, Passive, Request, RequestId};
use fxp_proto::grammar::addr::Family;
use fxp_proto::grammar::rate::RateLimit;
use fxp_proto::grammar::reply::{Reply, ReplyParser};
use fxp_proto::moment::Moment;
use fxp_proto::pair::exchange::LegFacts;
use fxp_proto::pair::leg::Leg;
use fxp_proto::pair::method::{Method, RoleVerb, TlsPart};
use fxp_proto::path::VPath;

use crate::logged_in::logged_in;
use crate::script::{lines, options, reply_line, show};

/// A machine that joins two legs.
pub(crate) trait Joint: Sized {
    /// As the first line of the script says.
    fn new(text: &str) -> Self;

    /// The session with a leg when it begins.
    fn session(&self, leg: Leg, text: &str) -> Machine {
        logged_in(leg, text)
    }

    fn next(&mut self) -> Option<Next>;
    fn asked(&mut self, leg: Leg, id: RequestId);
    fn preliminary(&mut self, leg: Leg, id: RequestId, reply: Reply, now: Moment);
    fn answer(&mut self, leg: Leg, id: RequestId, answer: Answer, now: Moment);
    fn lost(&mut self, leg: Leg, now: Moment);
    fn tick(&mut self, now: Moment);

    /// What only this machine can be told: a verb and what follows it. `None`: it knows no such verb.
    fn tell(&mut self, verb: &str, rest: &str, now: Moment) -> Option<Result<(), String>>;
}

/// What such a machine does.
pub(crate) enum Next {
    Ask(Leg, Request),
    /// Anything else, as scripts write it.
    Say(String),
}

/// Plays a script, whose first line begins with `>: BEGINS ...`.
pub(crate) fn play<J: Joint>(script: &str, begins: &str) -> Result<(), String> {
    let mut player: Option<Player<J>> = None;
    for line in lines(script) {
        let at = |what: String| format!("line {}: {what}", line.number);
        let Some(player) = &mut player else {
            assert_eq!(line.speaker, ">", "a script begins with `>: {begins} ...`");
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

struct Player<J> {
    joint: J,
    legs: BTreeMap<Leg, (Machine, ReplyParser)>,
    log: VecDeque<String>,
    now: Moment,
}

impl<J: Joint> Player<J> {
    fn new(text: &str) -> Self {
        let joint = J::new(text);
        let legs = Leg::BOTH.map(|leg| (leg, (joint.session(leg, text), ReplyParser::default())));
        let legs = legs.into_iter().collect();
        let mut player = Player { joint, legs, log: VecDeque::new(), now: Moment::START };
        player.run();
        player
    }

    /// What a driver does: feed, drain, until nothing moves.
    fn run(&mut self) {
        while let Some(next) = self.joint.next() {
            match next {
                Next::Ask(leg, request) => {
                    let id = self.legs.get_mut(&leg).unwrap().0.ask(request, self.now);
                    self.joint.asked(leg, id);
                    self.drain(leg);
                }
                Next::Say(text) => self.log.push_back(format!("!: {text}")),
            }
        }
    }

    fn drain(&mut self, leg: Leg) {
        while let Some(said) = self.legs.get_mut(&leg).unwrap().0.next() {
            match said {
                Said::Preliminary(id, reply) => self.joint.preliminary(leg, id, reply, self.now),
                Said::Done(id, answer) => self.joint.answer(leg, id, answer, self.now),
                Said::Close(_) => {
                    self.log.push_back(format!("{leg} {}", show(&said)));
                    self.joint.lost(leg, self.now);
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
                self.joint.tick(self.now);
            }
            (verb, rest) => match self.joint.tell(verb, rest, self.now) {
                Some(told) => told?,
                None => return Err(format!("no driver can {verb}")),
            },
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

/// The leg that the option `key` names; the destination if there is none.
pub(crate) fn leg(text: &str, key: &str) -> Leg {
    match options(text).get(key).copied() {
        Some("source") => Leg::Source,
        _ => Leg::Destination,
    }
}

/// The method, whose name is the second word.
pub(crate) fn method(text: &str) -> Method {
    let words: Vec<&str> = text.split_whitespace().collect();
    let tls = match words.get(1).copied().unwrap_or_default() {
        "plain" => None,
        "cpsv" => Some(TlsPart { client: leg(text, "passive"), by: RoleVerb::Cpsv }),
        "sscn" => Some(TlsPart { client: leg(text, "client"), by: RoleVerb::Sscn }),
        other => panic!("no such method: {other}"),
    };
    let verb = match tls {
        Some(TlsPart { by: RoleVerb::Cpsv, .. }) => Passive::Cpsv,
        _ if words.contains(&"epsv") => Passive::Epsv(Some(Family::V6)),
        _ => Passive::Pasv,
    };
    Method { passive: leg(text, "passive"), verb, tls }
}

/// What is known of a leg: its address, `default` if none is given, and its features.
pub(crate) fn facts(text: &str, name: &str, default: &str, path: &str) -> LegFacts {
    let options = options(text);
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
        deaf: has("deaf"),
        rate: features
            .split(',')
            .find_map(|each| RateLimit::parse(each.strip_prefix("RATE=")?.as_bytes()).ok()?),
    }
}

/// The outcome, and which sessions have to be replaced after it.
pub(crate) fn with_lost(outcome: String, source_usable: bool, destination_usable: bool) -> String {
    let lost = [("source", source_usable), ("destination", destination_usable)];
    let lost: Vec<&str> = lost.into_iter().filter(|(_, usable)| !usable).map(|(name, _)| name).collect();
    if lost.is_empty() { outcome } else { format!("{outcome}; replace {}", lost.join(" and ")) }
}
