//! Drives a whole third-party copy: the exchange, two client machines, and two servers that say what
//! they like.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::ear::{Ear, Heard};
use super::server::minutes;
use crate::client::machine::{Action as Said, Machine};
use crate::client::request::{Answer, Passive, Request, RequestId, Setting};
use crate::grammar::addr::Family;
use crate::grammar::params::Protection;
use crate::grammar::peer::{PeerKey, PeerPin};
use crate::moment::Moment;
use crate::pair::exchange::{Action, Exchange, Job, LegFacts, Limits, Proof, Verdict};
use crate::pair::leg::Leg;
use crate::pair::method::Method;
use crate::path::VPath;

/// The first byte chooses the method, the second what the servers are like. Of the lines, those that
/// begin with `s` come from the source and those with `d` from the destination; the others drive:
///
/// * `w` and a letter: so many minutes pass; `a` the user stops; `m` more of the file
///   arrives; `S` and `D`: that server is gone;
/// * `[` and bytes: these come from the source without an end of line, `]` and bytes: from the destination,
///   so that what follows happens between two bytes of a reply; `<` and `>`: an LF comes alone.
///
/// Promises: the exchange ends, once, and nothing is asked after that. It is good only if both servers
/// said 2yz to their transfer. Where the method is protected, both legs are set to `PROT P` before the
/// transfer; where something has to be proven, every PEER was accepted before it.
pub fn pair_exchange(data: &[u8]) {
    let [method, likes, lines @ ..] = data else { return };
    let mut world = World::new(*method, *likes);
    world.run();
    for line in lines.split(|&byte| byte == b'\n').take(MAX_LINES) {
        match line.split_first() {
            Some((b's', line)) => world.hear(Leg::Source, &[line, b"\r\n"].concat()),
            Some((b'd', line)) => world.hear(Leg::Destination, &[line, b"\r\n"].concat()),
            Some((b'[', piece)) => world.hear(Leg::Source, piece),
            Some((b']', piece)) => world.hear(Leg::Destination, piece),
            Some((b'<', _)) => world.hear(Leg::Source, b"\n"),
            Some((b'>', _)) => world.hear(Leg::Destination, b"\n"),
            Some((b'w', order)) => world.wait(order.first().copied().unwrap_or(b'a')),
            Some((b'a', _)) => world.exchange.abort(world.now),
            Some((b'm', _)) => world.exchange.progressed(world.now),
            Some((b'S', _)) => world.gone(Leg::Source),
            Some((b'D', _)) => world.gone(Leg::Destination),
            _ => {}
        }
        world.run();
    }
    // A running transfer may take for ever; the user does not.
    world.exchange.abort(world.now);
    world.run();
    for _ in 0..MAX_ROUNDS {
        if world.verdict.is_some() {
            break;
        }
        world.wait(b'z');
        world.run();
    }
    let verdict = world.verdict.expect("the exchange has no end");
    if let Ok(copied) = verdict.result {
        assert!(copied.source.code.is_completion() && copied.destination.code.is_completion());
    }
}

/// More lines than this say nothing new.
const MAX_LINES: usize = 500;

/// Each round lasts longer than any wait; there are fewer steps than this.
const MAX_ROUNDS: usize = 20;

struct World {
    exchange: Exchange,
    legs: BTreeMap<Leg, (Machine, Ear)>,
    /// Legs that were told `PROT P`.
    private: BTreeMap<Leg, bool>,
    protected: bool,
    /// PEER KEY and PEER EXPECT that were not accepted yet.
    unproven: Vec<(Leg, RequestId)>,
    /// How many were asked for.
    proofs: usize,
    proof: Proof,
    now: Moment,
    verdict: Option<Verdict>,
}

impl World {
    fn new(method: u8, likes: u8) -> Self {
        let methods = Method::all();
        let mut method = methods[usize::from(method) % methods.len()];
        if likes & 1 != 0 && method.verb == Passive::Pasv {
            method.verb = Passive::Epsv(Some(Family::V6));
        }
        let facts = |address: [u8; 4]| LegFacts {
            path: VPath::parse(b"/x").expect("a literal path"),
            control_peer: IpAddr::from(address),
            data_address: None,
            pret: likes & 2 != 0,
            cepr: likes & 4 != 0,
            sscn: likes & 8 != 0,
            deaf: likes & 128 != 0,
            rate: None,
        };
        let proof = match (method.tls, likes & 96) {
            (Some(_), 32) => Proof::Key(PeerKey::new([7; PeerKey::LENGTH])),
            (Some(_), 64) => {
                let pin = PeerPin { digests: vec![[7; 32]], from: Vec::new() };
                Proof::Pin { by: method.passive, pin }
            }
            _ => Proof::None,
        };
        let job = Job {
            source: facts([198, 51, 100, 1]),
            destination: facts([203, 0, 113, 9]),
            method,
            proof: proof.clone(),
            restart: if likes & 16 != 0 { 100 } else { 0 },
            limits: Limits::default(),
        };
        let machine = || (Machine::new(Moment::START), Ear::new());
        World {
            exchange: Exchange::new(job, Moment::START),
            legs: Leg::BOTH.into_iter().map(|leg| (leg, machine())).collect(),
            private: BTreeMap::new(),
            protected: method.tls.is_some(),
            unproven: Vec::new(),
            proofs: 0,
            proof,
            now: Moment::START,
            verdict: None,
        }
    }

    fn run(&mut self) {
        while let Some(action) = self.exchange.next() {
            assert!(self.verdict.is_none(), "{action:?} after Done");
            match action {
                Action::Ask(leg, request) => self.ask(leg, request),
                Action::Progress(_) | Action::Knock(_) => {}
                Action::Done(verdict) => self.verdict = Some(verdict),
            }
        }
    }

    fn ask(&mut self, leg: Leg, request: Request) {
        match &request {
            Request::Set(Setting::Protection(protection)) => {
                self.private.insert(leg, *protection == Protection::Private);
            }
            Request::Transfer(command) if self.protected => {
                assert_eq!(self.private.get(&leg), Some(&true), "{command} in clear");
                assert!(self.unproven.is_empty(), "{command} without proof");
                assert_eq!(self.proofs, self.proofs_due(), "{command} without proof");
            }
            _ => {}
        }
        let proves = matches!(&request, Request::Introduce(_) | Request::Set(Setting::Peer(Some(_))));
        let now = self.now;
        let id = self.machine(leg).ask(request, now);
        self.exchange.asked(leg, id);
        if proves {
            self.unproven.push((leg, id));
            self.proofs += 1;
        }
        self.drain(leg);
    }

    /// How many legs have something to see to.
    fn proofs_due(&self) -> usize {
        match self.proof {
            Proof::None => 0,
            Proof::Pin { .. } => 1,
            Proof::Key(_) => 2,
        }
    }

    fn drain(&mut self, leg: Leg) {
        while let Some(said) = self.machine(leg).next() {
            match said {
                Said::Preliminary(id, reply) => self.exchange.preliminary(leg, id, reply, self.now),
                Said::Done(id, answer) => {
                    if matches!(answer, Answer::Reply(_)) {
                        self.unproven.retain(|asked| *asked != (leg, id));
                    }
                    self.exchange.answer(leg, id, answer, self.now);
                }
                Said::Close(_) => self.exchange.lost(leg, self.now),
                Said::Send(_) | Said::StartTls => {}
            }
        }
    }

    fn hear(&mut self, leg: Leg, mut bytes: &[u8]) {
        let now = self.now;
        let mut heard = Vec::new();
        while let Some(next) = self.leg(leg).1.next(&mut bytes) {
            heard.push(next);
        }
        for heard in heard {
            match heard {
                Heard::Reply(reply) => self.machine(leg).reply(reply, now),
                Heard::Nonsense => self.machine(leg).eof(),
            }
            self.drain(leg);
        }
    }

    fn gone(&mut self, leg: Leg) {
        self.machine(leg).eof();
        self.drain(leg);
    }

    fn wait(&mut self, letter: u8) {
        self.now = self.now + minutes(letter);
        let now = self.now;
        for leg in Leg::BOTH {
            self.machine(leg).tick(now);
            self.drain(leg);
        }
        self.exchange.tick(now);
    }

    fn machine(&mut self, leg: Leg) -> &mut Machine {
        &mut self.leg(leg).0
    }

    fn leg(&mut self, leg: Leg) -> &mut (Machine, Ear) {
        self.legs.get_mut(&leg).expect("both legs are there")
    }
}
