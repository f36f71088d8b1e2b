//! One file between two servers, as transcripts: `tests/transcripts/pair/*.txt`.
//!
//! The exchange drives two real client machines. `source C:` and `destination C:` are what the two
//! servers must be sent, `source S:` and `destination S:` what they answer; `!:` is what the exchange
//! says, `source !:` what that leg's machine says; `>:` is the driver. All of it in this order.

#[path = "script/logged_in.rs"]
mod logged_in;
mod script;
#[path = "script/two_legs.rs"]
mod two_legs;

use std::time::Duration;

use fxp_proto::client::request::{Answer, RequestId};
use fxp_proto::grammar::peer::{PeerKey, PeerPin};
use fxp_proto::grammar::reply::Reply;
use fxp_proto::moment::Moment;
use fxp_proto::pair::exchange::{Action, Exchange, Failure, Job, Limits, Proof, Verdict};
use fxp_proto::pair::leg::Leg;

use script::{every_script, options};
use two_legs::{Joint, Next, facts, leg, method, play, with_lost};

#[test]
fn every_copy_goes_as_written() {
    every_script("pair", |script| play::<Player>(script, "copy"));
}

struct Player(Exchange);

impl Joint for Player {
    fn new(text: &str) -> Self {
        Player(Exchange::new(job(text), Moment::START))
    }

    fn next(&mut self) -> Option<Next> {
        Some(match self.0.next()? {
            Action::Ask(leg, request) => Next::Ask(leg, request),
            Action::Knock(address) => Next::Say(format!("knock {address}")),
            Action::Progress(step) => Next::Say(format!("{step:?}").to_lowercase()),
            Action::Done(verdict) => Next::Say(verdict_words(&verdict)),
        })
    }

    fn asked(&mut self, leg: Leg, id: RequestId) {
        self.0.asked(leg, id);
    }

    fn preliminary(&mut self, leg: Leg, id: RequestId, reply: Reply, now: Moment) {
        self.0.preliminary(leg, id, reply, now);
    }

    fn answer(&mut self, leg: Leg, id: RequestId, answer: Answer, now: Moment) {
        self.0.answer(leg, id, answer, now);
    }

    fn lost(&mut self, leg: Leg, now: Moment) {
        self.0.lost(leg, now);
    }

    fn tick(&mut self, now: Moment) {
        self.0.tick(now);
    }

    fn tell(&mut self, verb: &str, rest: &str, now: Moment) -> Option<Result<(), String>> {
        match (verb, rest) {
            ("stop", _) => self.0.abort(now),
            ("more", "arrives") => self.0.progressed(now),
            _ => return None,
        }
        Some(Ok(()))
    }
}

fn job(text: &str) -> Job {
    let options = options(text);
    let to = options.get("to").copied().unwrap_or("/to/a file");
    Job {
        source: facts(text, "source", "198.51.100.1", "/from/a file"),
        destination: facts(text, "destination", "203.0.113.9", to),
        method: method(text),
        proof: match options.get("proof").copied() {
            None => Proof::None,
            Some("key") => Proof::Key(PeerKey::new([7; PeerKey::LENGTH])),
            Some(_) => Proof::Pin {
                by: leg(text, "proof"),
                pin: PeerPin { digests: vec![[0xab; 32]], from: Vec::new() },
            },
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
    with_lost(outcome.replace('\n', " / "), verdict.source_usable, verdict.destination_usable)
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
