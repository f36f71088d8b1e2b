//! Many files between two servers, as transcripts: `tests/transcripts/convoy/*.txt`.
//!
//! Written as those of `pair_transcripts.rs`. `>: load 1 /a 10` gives the convoy a file; `!: taken` is not written:
//! whether it wants another one is asked by `>: wants yes`.

#[path = "script/logged_in.rs"]
mod logged_in;
mod script;
#[path = "script/two_legs.rs"]
mod two_legs;

use fxp_proto::client::machine::Machine;
use fxp_proto::client::request::{Answer, RequestId};
use fxp_proto::grammar::change::TimeVerb;
use fxp_proto::grammar::params::DigestKind;
use fxp_proto::grammar::peer::{PeerKey, PeerPin};
use fxp_proto::grammar::reply::Reply;
use fxp_proto::grammar::verb::Verb;
use fxp_proto::listing::time::FtpTime;
use fxp_proto::moment::Moment;
use fxp_proto::pair::convoy::{
    Action, Arrival, Cause, Convoy, Digests, Introduction, Load, Outcome, Queueing, Road,
};
use fxp_proto::pair::exchange::{Failure, Limits};
use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;

use logged_in::logged_in;
use script::{every_script, options};
use two_legs::{Joint, Next, facts, leg, method, play, with_lost};

#[test]
fn every_convoy_goes_as_written() {
    every_script("convoy", |script| play::<Player>(script, "convoy"));
}

struct Player {
    convoy: Convoy,
    queueing: (Queueing, Queueing),
    /// Files have keys.
    keys: bool,
}

impl Joint for Player {
    fn new(text: &str) -> Self {
        let road = road(text);
        let (queueing, keys) =
            ((road.source_queueing, road.destination_queueing), road.proof == Introduction::Keys);
        Player { convoy: Convoy::new(road), queueing, keys }
    }

    fn session(&self, leg: Leg, text: &str) -> Machine {
        let mut machine = logged_in(leg, text);
        machine.set_queueing(if leg == Leg::Source { self.queueing.0 } else { self.queueing.1 });
        machine
    }

    fn next(&mut self) -> Option<Next> {
        Some(match self.convoy.next()? {
            Action::Ask(leg, request) => Next::Ask(leg, request),
            Action::Knock(address) => Next::Say(format!("knock {address}")),
            Action::Begun(number) => Next::Say(format!("{number} begun")),
            Action::Ended(number, outcome) => Next::Say(format!("{number} {}", outcome_words(&outcome))),
            Action::Parted(number, result) => Next::Say(format!("{number} {}", parted_words(&result))),
            Action::Done(arrival) => Next::Say(arrival_words(&arrival)),
        })
    }

    fn asked(&mut self, leg: Leg, id: RequestId) {
        self.convoy.asked(leg, id);
    }

    fn preliminary(&mut self, leg: Leg, id: RequestId, reply: Reply, _: Moment) {
        self.convoy.preliminary(leg, id, &reply);
    }

    fn answer(&mut self, leg: Leg, id: RequestId, answer: Answer, now: Moment) {
        self.convoy.answer(leg, id, answer, now);
    }

    fn lost(&mut self, leg: Leg, now: Moment) {
        self.convoy.lost(leg, now);
    }

    fn tick(&mut self, now: Moment) {
        self.convoy.tick(now);
    }

    fn tell(&mut self, verb: &str, rest: &str, now: Moment) -> Option<Result<(), String>> {
        match verb {
            "load" => self.convoy.load(load(rest, self.keys), now),
            "load-to-move" => {
                self.convoy.load(Load { moves: true, ..load(rest, self.keys) }, now);
            }
            "wants" => {
                let wants = if self.convoy.wants() { "yes" } else { "no" };
                if wants != rest {
                    return Some(Err(format!("wants: {wants}")));
                }
            }
            "noted" => self.convoy.noted(rest.parse().unwrap(), now),
            "leaves" => self.convoy.leaves(),
            "finish" => self.convoy.finish(now),
            "stop" => self.convoy.stop(now),
            _ => return None,
        }
        Some(Ok(()))
    }
}

fn parted_words(result: &Result<(), Failure>) -> String {
    match result {
        Ok(()) => "parted".to_owned(),
        Err(failure) => format!("stays: {}", failure_words(failure)),
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
        moves: false,
        key: keyed.then(|| PeerKey::new([u8::try_from(number).unwrap(); PeerKey::LENGTH])),
    }
}

fn road(text: &str) -> Road {
    let words: Vec<&str> = text.split_whitespace().collect();
    let options = options(text);
    let queueing = |key: &str| match options.get(key).copied() {
        Some("none") => Queueing::None,
        Some("small") => Queueing::Small,
        Some("up-to-transfer") => Queueing::UpToTransfer,
        Some("with-transfer") => Queueing::WithTransfer,
        _ => Queueing::Always,
    };
    Road {
        source: facts(text, "source", "198.51.100.1", "/"),
        destination: facts(text, "destination", "203.0.113.9", "/"),
        method: method(text),
        proof: match options.get("proof").copied() {
            None => Introduction::None,
            Some("keys") => Introduction::Keys,
            Some(_) => Introduction::Pin {
                by: leg(text, "proof"),
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
    let early = if arrival.failure.is_some() { "arrived early" } else { "arrived" };
    with_lost(early.to_owned(), arrival.source_usable, arrival.destination_usable)
}

fn failure_words(failure: &Failure) -> String {
    let verb = failure.verb.map(|verb| format!(" {}", verb.name())).unwrap_or_default();
    let reply = failure.reply.as_ref().map(|reply| format!(", {reply}")).unwrap_or_default();
    format!("{} {:?}{verb} {:?}{reply}", failure.leg, failure.step, failure.class)
}
