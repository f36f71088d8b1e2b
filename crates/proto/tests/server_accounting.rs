//! Whatever a client sends and however effects end: every line gets exactly one final reply, in order,
//! every slot is used at most once, nothing happens after the end, and no password can be read.
//!
//! The lines and the driver's whims come from a small random generator with fixed seeds.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use fxp_proto::grammar::verb::{Argument, TABLE, Verb};
use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::moment::Moment;
use fxp_proto::path::VPath;
use fxp_proto::server::effect::{
    Effect, EffectId, Event, Failure, FailureKind, FileOp, LoggedIn, Outcome, Slot, SlotId,
};
use fxp_proto::server::machine::{Action, Appetite, Endpoints, Input, Machine, Settings, TlsOffer};
use fxp_proto::wire::text::Text;

const SEEDS: u64 = 400;
const STEPS: usize = 300;
const PASSWORD: &str = "hunter2";

#[test]
fn every_line_gets_one_final_reply() {
    for seed in 1..=SEEDS {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.finish();
    }
}

#[test]
fn every_row_of_the_table_is_answered() {
    for row in TABLE.iter().filter(|row| row.verb != Verb::Quit) {
        for logged_in in [false, true] {
            let mut world = World::new(7);
            if logged_in {
                world.log_in();
            }
            world.line(format!("{} {}", row.name, sample(row.verb)).trim_end());
            world.finish();
        }
    }
}

struct World {
    seed: u64,
    random: u64,
    machine: Machine,
    now: Moment,
    running: Option<(EffectId, Effect)>,
    /// Final replies that are owed.
    owed: i64,
    /// `150` or the beginning of a long reply was sent and its end was not.
    securing: bool,
    closed: bool,
    live_slots: HashSet<SlotId>,
}

impl World {
    fn new(seed: u64) -> Self {
        let settings = Settings {
            banner: Text::from("ready"),
            software: Text::from("fxpd"),
            tls: TlsOffer::Offered,
            require_private_data: seed.is_multiple_of(5),
            hosts: Vec::new(),
            advertise_pret: false,
            cpsv_in_clear: seed.is_multiple_of(3),
            login_attempts: 5,
            login_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(300),
        };
        let endpoints = Endpoints {
            peer: "192.0.2.7:50000".parse().expect("an address"),
            local: "192.0.2.1:21".parse().expect("an address"),
            secured: seed.is_multiple_of(2),
        };
        let now = Moment::START;
        let mut world = World {
            seed,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            machine: Machine::new(Arc::new(settings), endpoints, now),
            now,
            running: None,
            owed: 1,
            securing: false,
            closed: false,
            live_slots: HashSet::new(),
        };
        world.drain();
        if seed % 10 > 1 {
            world.log_in();
        }
        world
    }

    fn log_in(&mut self) {
        self.line("USER bob");
        self.line("PASS hunter2");
        if let Some((id, _)) = self.running.take() {
            let welcome =
                LoggedIn { home: VPath::root(), message: Text::from("welcome"), foreign_peers: true };
            self.machine.done(id, Outcome::LoggedIn(welcome), self.now);
            self.drain();
        }
    }

    fn step(&mut self) {
        match self.below(10) {
            0..=4 => self.random_line(),
            5 | 6 => self.end_effect(),
            7 => self.news(),
            8 if self.securing => self.secured(),
            _ => {
                self.now = self.now + Duration::from_millis(100);
                self.machine.tick(self.now);
                self.drain();
            }
        }
    }

    /// Lets everything come to its end, and looks at the account.
    fn finish(&mut self) {
        if self.securing {
            self.secured();
        }
        for _ in 0..1000 {
            self.end_effect();
            if self.securing {
                self.secured();
            }
        }
        assert!(self.running.is_none(), "seed {}: something never ends", self.seed);
        if !self.closed {
            assert_eq!(self.owed, 0, "seed {}: replies and lines do not match", self.seed);
        }
    }

    fn random_line(&mut self) {
        if self.machine.appetite() == Appetite::None {
            return;
        }
        match self.below(40) {
            0 => self.feed(Input::TooLong),
            1 => self.feed(Input::BadBytes),
            2..=5 => self.line("ABOR"),
            6 => self.line("STAT"),
            7..=12 => self.line("PASV"),
            13..=16 => self.line("RETR /a"),
            17 => self.line("PASS hunter2"),
            _ => {
                let row = &TABLE[self.below(TABLE.len() as u64) as usize];
                if matches!(row.verb, Verb::Quit | Verb::Rein | Verb::User | Verb::Auth) && self.below(8) > 0
                {
                    return;
                }
                let line = match row.argument {
                    Argument::None => String::from(row.name),
                    _ => format!("{} {}", row.name, sample(row.verb)),
                };
                self.line(line.trim_end());
            }
        }
    }

    fn line(&mut self, line: &str) {
        self.feed(Input::Line(line.as_bytes().to_vec()));
    }

    fn feed(&mut self, input: Input) {
        if self.closed {
            return;
        }
        assert!(!format!("{input:?}").contains(PASSWORD));
        // Lines during the handshake were sent in clear, and are dropped.
        self.owed += i64::from(!self.securing);
        self.machine.input(input, self.now);
        self.drain();
        assert!(!format!("{:?}", self.machine).contains(PASSWORD), "seed {}", self.seed);
    }

    fn end_effect(&mut self) {
        let Some((id, effect)) = self.running.take() else { return };
        let outcome = self.outcome(&effect);
        self.machine.done(id, outcome, self.now);
        self.drain();
        // What comes late is nobody's.
        self.machine.done(id, Outcome::Done, self.now);
        assert!(self.machine.next().is_none());
    }

    fn news(&mut self) {
        let event = match &self.running {
            Some((_, Effect::List(list))) if list.slot.is_none() => {
                Event::Lines(vec![Text::from("226 no end")])
            }
            Some((_, Effect::Send(_) | Effect::Receive(_) | Effect::List(_))) => {
                Event::Opening { size: Some(5), name: None }
            }
            _ => return,
        };
        if let Some((id, _)) = self.running {
            self.machine.event(id, event);
            self.drain();
        }
    }

    fn secured(&mut self) {
        self.securing = false;
        self.machine.tls(true, self.now);
        self.drain();
    }

    fn outcome(&mut self, effect: &Effect) -> Outcome {
        if self.below(4) == 0 {
            let kinds =
                [FailureKind::NotFound, FailureKind::Connect, FailureKind::Unsupported, FailureKind::Family];
            let kind = kinds[self.below(4) as usize];
            return Outcome::Failed(Failure { kind, detail: Text::from("it did not work") });
        }
        match effect {
            Effect::Login(_) => Outcome::LoggedIn(LoggedIn {
                home: VPath::root(),
                message: Text::from("welcome"),
                foreign_peers: true,
            }),
            Effect::Listen { .. } => Outcome::Listening("192.0.2.1:50000".parse().expect("an address")),
            Effect::List(list) if list.slot.is_none() => Outcome::Listed { left_out: 0 },
            Effect::Send(_) | Effect::Receive(_) | Effect::List(_) => {
                Outcome::Transferred { bytes: 5, name: None, left_out: 0 }
            }
            Effect::File(FileOp::Stat(_)) => Outcome::Facts(Entry::new(Text::from("a"), Kind::Directory)),
            Effect::File(FileOp::Space(_)) => Outcome::Space(1000),
            Effect::Digest(_) => Outcome::Digest { hex: String::from("00"), start: 0, end: 5 },
            Effect::Aim(_) | Effect::Release(_) | Effect::Rekey(..) | Effect::File(_) => Outcome::Done,
        }
    }

    fn drain(&mut self) {
        while let Some(action) = self.machine.next() {
            assert!(!self.closed, "seed {}: {action:?} after the end", self.seed);
            match action {
                Action::Reply(reply) if reply.code.is_preliminary() => {}
                Action::Reply(_) => self.owed -= 1,
                Action::Lines(_) => {}
                Action::Do(_, Effect::Release(slot)) => self.use_up(slot),
                Action::Do(_, Effect::Rekey(..)) => {}
                Action::Do(id, effect) => self.begin(id, effect),
                Action::Cancel(id) => {
                    let (running, _) = self.running.take().expect("only what runs is cancelled");
                    assert_eq!(running, id);
                }
                Action::StartTls => {
                    self.securing = true;
                    // The lines that waited behind AUTH are dropped, and so are their replies.
                    self.owed = 0;
                }
                Action::Close => self.closed = true,
            }
        }
    }

    fn begin(&mut self, id: EffectId, effect: Effect) {
        match &effect {
            Effect::Listen { slot, .. } | Effect::Aim(slot) => {
                assert!(self.live_slots.insert(slot.id), "seed {}: a slot made twice", self.seed);
            }
            Effect::Send(send) => self.use_up(send.slot.id),
            Effect::Receive(receive) => self.use_up(receive.slot.id),
            Effect::List(list) => list.slot.iter().for_each(|slot: &Slot| self.use_up(slot.id)),
            _ => {}
        }
        assert!(self.running.is_none(), "seed {}: two effects at once", self.seed);
        self.running = Some((id, effect));
    }

    fn use_up(&mut self, slot: SlotId) {
        assert!(self.live_slots.remove(&slot), "seed {}: {slot:?} used twice", self.seed);
    }

    /// A number below `bound` (xorshift).
    fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound
    }
}

/// An argument that the verb takes.
fn sample(verb: Verb) -> &'static str {
    match verb {
        Verb::Pass | Verb::Acct => PASSWORD,
        Verb::Port => "192,0,2,7,195,80",
        Verb::Eprt => "|2|2001:db8::7|50000|",
        Verb::Auth => "TLS",
        Verb::Pbsz | Verb::Rest | Verb::Allo => "0",
        Verb::Prot => "P",
        Verb::Type => "I",
        Verb::Mode => "S",
        Verb::Stru => "F",
        Verb::Rang => "5 9",
        Verb::Cepr | Verb::Sscn | Verb::Ccsn => "ON",
        Verb::Opts => "HASH MD5",
        Verb::Pret => "STOR /a",
        Verb::Mdtm | Verb::Mfmt | Verb::Mfct | Verb::SiteUtime => "20260102030405 /a",
        Verb::Mff => "modify=20260102030405;UNIX.mode=644; /a",
        Verb::Comb => "/a /b /c",
        Verb::Mmd5 => "/a, /b",
        Verb::SiteChmod => "644 /a",
        Verb::SiteSymlink => "/a /b",
        Verb::Epsv | Verb::Lang | Verb::Help => "",
        _ if verb.row().argument == Argument::None => "",
        _ => "/a",
    }
}
