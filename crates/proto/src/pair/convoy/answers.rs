//! What a convoy makes of an answer. It is strict: what is not exactly the reply that belongs to the command
//! says that replies and commands may not fit any more.

use std::net::IpAddr;

use super::track::{Asked, What};
use super::wagon::Stage;
use super::{Action, Cause, Convoy, Outcome, Settled, TimeKept};
use crate::client::request::{Answer, RequestId};
use crate::grammar::digest::parse_digest;
use crate::grammar::reply::Reply;
use crate::listing::time::FtpTime;
use crate::moment::Moment;
use crate::pair::address;
use crate::pair::leg::Leg;
use crate::pair::refusal::classify;
use crate::pair::verdict::{Failure, Refusal, Step};

impl Convoy {
    /// A request ended.
    pub fn answer(&mut self, leg: Leg, id: RequestId, answer: Answer, now: Moment) {
        if self.over {
            return;
        }
        self.seal();
        if let Some(asked) = self.track(leg).take(id) {
            match answer {
                Answer::Lost | Answer::TimedOut => self.gone(leg, &asked, &answer, now),
                Answer::Refused { reply, .. } => self.refused(leg, &asked, reply, now),
                Answer::Listening { ip, port, .. } => self.listening(leg, &asked, ip, port, now),
                Answer::Reply(reply) => self.heard(leg, &asked, reply, now),
                Answer::Skipped | Answer::LoggedIn(_) => {}
            }
        }
        self.go_on(now);
    }

    fn gone(&mut self, leg: Leg, asked: &Asked, answer: &Answer, now: Moment) {
        let class = if matches!(answer, Answer::TimedOut) { Refusal::TimedOut } else { Refusal::Lost };
        let failure = Failure { verb: asked.verb, ..Failure::bare(leg, step_of(asked.what), class) };
        if asked.what == What::Delete {
            self.actions.push_back(Action::Parted(asked.number, Err(failure.clone())));
        }
        self.abandon(asked.number, now);
        self.fail(failure, now);
        self.give_up(leg);
    }

    /// A good reply.
    fn heard(&mut self, leg: Leg, asked: &Asked, reply: Reply, now: Moment) {
        if !fits(asked.what, &reply) {
            let class = Refusal::Other;
            let step = step_of(asked.what);
            let failure = Failure { verb: asked.verb, reply: Some(reply), ..Failure::bare(leg, step, class) };
            if asked.what == What::Delete {
                self.actions.push_back(Action::Parted(asked.number, Err(failure.clone())));
            }
            self.abandon(asked.number, now);
            self.fail(failure, now);
            return self.give_up(leg);
        }
        if asked.what == What::Delete {
            return self.actions.push_back(Action::Parted(asked.number, Ok(())));
        }
        let number = asked.number;
        let (straggler, digest) = (now + self.road.limits.straggler, self.road.digest);
        let Some(wagon) = self.wagons.iter_mut().find(|wagon| wagon.load.number == number) else { return };
        match (asked.what, leg) {
            (What::Transfer, _) => {
                let (own, other) = match leg {
                    Leg::Source => (&mut wagon.sent, wagon.stored),
                    Leg::Destination => (&mut wagon.stored, wagon.sent),
                };
                *own = true;
                wagon.straggler = (!other).then_some(straggler);
            }
            (What::Size, _) => match size(&reply) {
                Some(told) if told != wagon.load.size && leg == Leg::Source => {
                    self.odd(number, Cause::Changed, now);
                }
                Some(told) if told != wagon.load.size => self.odd(number, Cause::Size { told }, now),
                Some(_) if leg == Leg::Source => wagon.held_still = true,
                Some(_) => wagon.size_agrees = true,
                None => self.nonsense(leg, asked, reply, now),
            },
            (What::TimeBefore, _) => match time(&reply) {
                Some(told) => wagon.time_before = Some(told),
                None => self.nonsense(leg, asked, reply, now),
            },
            (What::TimeAfter, _) => match (time(&reply), wagon.exact_time()) {
                (Some(after), Some(before)) if after.seconds == before.seconds => wagon.held_still = true,
                (Some(_), Some(_)) => self.odd(number, Cause::Changed, now),
                _ => self.nonsense(leg, asked, reply, now),
            },
            (What::Digest, _) => {
                let path = if leg == Leg::Source { &wagon.load.from } else { &wagon.load.place };
                let told = digest.and_then(|digest| parse_digest(&reply, digest.kind, &path.to_text()));
                match (told, leg) {
                    (None, _) => return self.nonsense(leg, asked, reply, now),
                    (told, Leg::Source) => wagon.source_digest = told,
                    (told, Leg::Destination) => wagon.destination_digest = told,
                }
                if wagon.differs() {
                    self.odd(number, Cause::Digest, now);
                }
            }
            (What::SetTime, _) => {
                // 202: superfluous, so nothing was done.
                let done = reply.code.number() != 202;
                wagon.time = Some(if done { TimeKept::Yes } else { TimeKept::Refused(reply) });
            }
            (What::RenameTo, _) => {
                let digest = wagon.destination_digest.take();
                let time = wagon.time.take().unwrap_or(TimeKept::NoWay);
                self.end(number, Outcome::Settled(Settled { digest, time }));
            }
            _ => {}
        }
    }

    fn listening(&mut self, leg: Leg, asked: &Asked, ip: Option<IpAddr>, port: u16, now: Moment) {
        let waits = |wagon: &super::Wagon| wagon.load.number == asked.number && wagon.stage == Stage::Waiting;
        if !self.wagons.iter().any(waits) {
            return;
        }
        let other = self.road.facts(leg.other()).control_peer;
        match address::choose(self.road.facts(leg), ip, port, other) {
            Ok(address) => self.join(asked.number, address),
            Err(_) => {
                let failure = Failure::bare(leg, Step::Listen, Refusal::Address);
                self.odd(asked.number, Cause::Failure(Failure { verb: asked.verb, ..failure }), now);
            }
        }
    }

    /// The server said no.
    fn refused(&mut self, leg: Leg, asked: &Asked, reply: Reply, now: Moment) {
        let step = step_of(asked.what);
        let tolerated = match asked.what {
            What::Prepare { needed } => !needed && reply.code.number() != 421,
            What::Announce => matches!(reply.code.number(), 500 | 502 | 504),
            What::Abort => true,
            _ => false,
        };
        if tolerated {
            return;
        }
        let number = asked.number;
        if asked.what == What::Delete {
            // The copy is good, and other files are none the worse for it.
            let class = classify(step, asked.verb, None, &reply);
            let failure = Failure { verb: asked.verb, reply: Some(reply), ..Failure::bare(leg, step, class) };
            return self.actions.push_back(Action::Parted(number, Err(failure)));
        }
        let wagon = self.wagons.iter_mut().find(|wagon| wagon.load.number == number);
        if let (What::SetTime, Some(wagon)) = (asked.what, wagon) {
            wagon.time = Some(TimeKept::Refused(reply));
            return;
        }
        let path = self.wagons.iter().find(|wagon| wagon.load.number == number).map(|wagon| match leg {
            Leg::Source => wagon.load.from.clone(),
            Leg::Destination => wagon.load.place.clone(),
        });
        let class = classify(step, asked.verb, path.as_ref(), &reply);
        let failure = Failure { verb: asked.verb, reply: Some(reply), ..Failure::bare(leg, step, class) };
        if asked.what == What::Transfer && leg == Leg::Source && class == Refusal::Path {
            self.spurned = Some(number);
        }
        let joined = |wagon: &super::Wagon| wagon.load.number == number && wagon.stage == Stage::Joined;
        match asked.what {
            What::Transfer | What::Connect | What::Introduce if self.wagons.iter().any(joined) => {
                self.broken(number, failure, now);
            }
            What::Transfer | What::Connect | What::Introduce => {
                self.abandon(number, now);
                self.odd(number, Cause::Failure(failure), now);
            }
            What::Prepare { .. } => self.fail(failure, now),
            _ => self.odd(number, Cause::Failure(failure), now),
        }
    }

    /// A reply of the right code without what belongs into it.
    fn nonsense(&mut self, leg: Leg, asked: &Asked, reply: Reply, now: Moment) {
        let failure = Failure {
            verb: asked.verb,
            reply: Some(reply),
            ..Failure::bare(leg, step_of(asked.what), Refusal::Other)
        };
        self.odd(asked.number, Cause::Failure(failure), now);
    }
}

/// True if the reply's code is one that this command is answered with.
fn fits(what: What, reply: &Reply) -> bool {
    let code = reply.code.number();
    match what {
        What::Transfer => matches!(code, 226 | 250),
        What::Size | What::TimeBefore | What::TimeAfter => code == 213,
        What::RenameFrom => reply.code.is_intermediate(),
        What::Introduce | What::Announce | What::Connect => code == 200,
        What::Digest | What::SetTime | What::RenameTo | What::Delete => {
            reply.code.is_completion() && !matches!(code, 220 | 221 | 226 | 227 | 229)
        }
        What::Listen => false,
        What::Prepare { .. } | What::Abort => true,
    }
}

fn step_of(what: What) -> Step {
    match what {
        What::Prepare { .. } | What::Introduce => Step::Prepare,
        What::Announce => Step::Announce,
        What::Listen => Step::Listen,
        What::Connect => Step::Connect,
        What::Abort => Step::Cleanup,
        _ => Step::Transfer,
    }
}

fn size(reply: &Reply) -> Option<u64> {
    reply.text().to_str()?.split_whitespace().next()?.parse().ok()
}

fn time(reply: &Reply) -> Option<FtpTime> {
    FtpTime::parse(reply.text().as_bytes().trim_ascii()).ok()
}
