//! Random sequences of commands against the real server: whoever is connected to and whoever is let in is
//! one whom the policy allows for the state of that moment, by whatever verbs the session got there.
//!
//! Beside the server runs a model of what the session has said. Before each data connection it asks the
//! policy, which knows neither verbs nor order; the server must do what that answer says, for `PORT`, `EPRT`,
//! `PASV`, `EPSV` and `CPSV` alike. The rules are random, too. A failure prints its seed and its dialogue.

mod model;
mod step;

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fxp_proto::grammar::params::Protection;
use fxp_server::config::Config;
use fxp_server::config::fxp::{Action, Allowances, Direction, Fxp, Proof, Rule};
use fxp_server::config::network::{PassiveAddress, TlsNeed};
use fxp_server::config::user::User;
use fxp_server::policy::Verdict;
use fxp_store::{Secret, VPath};
use ipnet::IpNet;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use self::model::{Model, Slot, Way};
use self::step::{File, Step};
use crate::world::{Client, PATIENCE, World};

const SEEDS: u64 = 48;
const STEPS: usize = 80;

/// The client, and other hosts; each listens, and each may connect.
const HOSTS: [&str; 6] = ["127.0.0.1", "127.0.9.2", "127.0.9.3", "127.0.9.4", "127.0.9.5", "127.0.9.6"];
const NETS: [&str; 7] = [
    "127.0.9.2/31",
    "127.0.9.4/31",
    "127.0.9.3/32",
    "127.0.9.6/32",
    "127.0.9.0/24",
    "127.0.0.0/8",
    "0.0.0.0/0",
];

#[tokio::test]
async fn no_sequence_of_commands_yields_a_data_connection_that_the_policy_refuses() {
    let all = tokio::task::LocalSet::new();
    let tally = all.run_until(async {
        let mut runs = JoinSet::new();
        for seed in 0..SEEDS {
            runs.spawn_local(async move { Run::new(seed).await.finish().await });
        }
        let mut tally = Tally::default();
        while let Some(run) = runs.join_next().await {
            match run {
                Ok(run) => tally.add(run),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        tally
    });
    let tally = tally.await;
    eprintln!("{tally:?}");
    // The generator gets everywhere, or the rest would prove nothing.
    let Tally { refused_addresses, refused_transfers, connected, foreign, let_in, foreign_in, turned_away } =
        tally;
    for count in [refused_addresses, refused_transfers, connected, foreign, let_in, foreign_in, turned_away] {
        assert!(count >= 10, "{tally:?}");
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    refused_addresses: usize,
    refused_transfers: usize,
    /// Connections that the server made; those of them to another host than the client.
    connected: usize,
    foreign: usize,
    /// Those who came and were let in; and from another host than the client.
    let_in: usize,
    foreign_in: usize,
    turned_away: usize,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.refused_addresses += other.refused_addresses;
        self.refused_transfers += other.refused_transfers;
        self.connected += other.connected;
        self.foreign += other.foreign;
        self.let_in += other.let_in;
        self.foreign_in += other.foreign_in;
        self.turned_away += other.turned_away;
    }
}

/// One server and one session, which may be replaced by another when the server has had enough.
struct Run {
    random: StdRng,
    world: World,
    client: Client,
    secure: bool,
    model: Model,
    listeners: Vec<std::net::TcpListener>,
    /// Those who have come to the passive port, and wait.
    comers: Vec<Comer>,
    tally: Tally,
    dialogue: Dialogue,
}

/// Printed if the test fails.
struct Dialogue {
    seed: u64,
    lines: Vec<String>,
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        // The others are dropped because of it.
        static TOLD: AtomicBool = AtomicBool::new(false);
        if std::thread::panicking() && !TOLD.swap(true, Ordering::Relaxed) {
            let from = self.lines.len().saturating_sub(60);
            eprintln!("seed {}:\n{}", self.seed, self.lines[from..].join("\n"));
        }
    }
}

impl Run {
    async fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let rules: Vec<Rule> = (0..random.random_range(0..5)).map(|_| rule(&mut random)).collect();
        let allowances = if seed.is_multiple_of(3) { Allowances::Off } else { Allowances::On };
        let (behind_nat, secure) = (seed % 6 == 1, seed % 6 != 2);
        let fxp = Fxp { allowances, rules };
        let model = Model::new(fxp.clone(), behind_nat);
        let world = World::at("127.0.0.1", |config| configured(config, fxp, behind_nat));
        let mut setup = world.client().await;
        setup.expect("MKD in", "257").await;
        for file in ["/a", "/in/a"] {
            world.files.put(file, b"the file").unwrap();
        }
        let listeners = HOSTS.iter().map(|host| {
            let listener = std::net::TcpListener::bind((host.parse::<IpAddr>().unwrap(), 0)).unwrap();
            listener.set_nonblocking(true).unwrap();
            listener
        });
        let (listeners, client) = (listeners.collect(), connect(&world, secure).await);
        let dialogue = Dialogue { seed, lines: vec![format!("{:#?}", model.fxp)] };
        let tally = Tally::default();
        Run { random, world, client, secure, model, listeners, comers: Vec::new(), tally, dialogue }
    }

    async fn finish(mut self) -> Tally {
        for _ in 0..STEPS {
            match self.random.random_range(0..10) {
                _ if self.model.user.is_none() && self.random.random_ratio(2, 3) => {
                    let user = pick(&mut self.random, &step::USERS);
                    self.settings(&[Step::User(user), Step::Pass]).await;
                }
                0..=3 => self.prepared_transfer().await,
                4 => self.transfer().await,
                5 => {
                    let steps: Vec<Step> =
                        (0..self.random.random_range(2..5)).map(|_| self.random_step()).collect();
                    self.settings(&steps).await;
                }
                _ => {
                    let step = self.random_step();
                    self.settings(&[step]).await;
                }
            }
        }
        self.tally
    }

    fn random_step(&mut self) -> Step {
        let ports = self.ports();
        Step::random(&mut self.random, &ports)
    }

    fn ports(&self) -> Vec<u16> {
        self.listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
    }

    /// The usual order, sometimes with something between.
    async fn prepared_transfer(&mut self) {
        let ports = self.ports();
        let mut steps = vec![Step::preparation(&mut self.random, &ports)];
        if self.random.random_ratio(1, 3) {
            steps.push(self.random_step());
        }
        self.settings(&steps).await;
        self.transfer().await;
    }

    /// Says all lines at once; each answer must be the one that the model expects.
    async fn settings(&mut self, steps: &[Step]) {
        let lines: Vec<String> = steps.iter().map(Step::line).collect();
        self.client.say(&lines.join("\n")).await;
        for (step, line) in steps.iter().zip(&lines) {
            let mut reply = String::new();
            for _ in 0..step.replies() {
                reply = self.client.reply().await;
                self.dialogue.lines.push(format!("> {line}\n< {reply}"));
            }
            if reply.is_empty() || reply.starts_with("421") {
                return self.begin_again().await;
            }
            if let Step::Aim(target, _) = step
                && self.model.user.is_some()
            {
                let verdict = self.model.judge_address(*target);
                let allowed = !matches!(verdict, Verdict::Deny(_));
                assert_eq!(reply.starts_with("200"), allowed, "{line}: {reply}, but {verdict:?}");
                self.tally.refused_addresses += usize::from(!allowed);
            }
            step.learn(&mut self.model, &reply);
            if self.model.slot.is_none() || reply.starts_with("22") {
                // The port is closed, or it is another one.
                self.comers.clear();
            }
        }
        self.nobody_else_was_called();
    }

    /// The server has seen too many errors in a row.
    async fn begin_again(&mut self) {
        self.client = connect(&self.world, self.secure).await;
        self.model.forget();
        self.comers.clear();
        self.dialogue.lines.push("(a new session)".to_owned());
    }

    /// A file or a listing; who connects is as random as everything else.
    async fn transfer(&mut self) {
        let file = pick(&mut self.random, &File::ALL);
        let slot = self.model.slot;
        if let Some(slot @ Slot { way: Way::Passive(address), .. }) = slot {
            // Some are there before the command; they stay if it is refused.
            for _ in 0..self.random.random_range(0..3) {
                self.come(address, slot).await;
            }
        }
        let line = file.line();
        let reply = self.client.ask(&line).await;
        self.dialogue.lines.push(format!("> {line}\n< {reply}"));
        if reply.is_empty() || reply.starts_with("421") {
            return self.begin_again().await;
        }
        let expected = self.expected(slot, file);
        assert!(reply.starts_with(expected), "{line}: {reply} (expected {expected})");
        // A command that is refused before its data connection is thought of leaves that alone.
        if let (Some(slot), "150" | "425") = (slot, expected) {
            self.model.slot = None;
            if expected == "150" {
                self.transferred(slot, file).await;
            } else {
                self.tally.refused_transfers += 1;
            }
        }
        self.nobody_else_was_called();
    }

    /// The first reply to a transfer command.
    fn expected(&self, slot: Option<Slot>, file: File) -> &'static str {
        if self.model.user.is_none() {
            return "530";
        }
        let clear = self.model.protection == Protection::Clear;
        if clear && self.model.peer.is_some() && !file.is_listing() {
            return "521";
        }
        let Some(slot) = slot else { return "425" };
        match slot.way {
            Way::Active(target) if !self.allows(slot, file, target.ip()) => "425",
            _ => "150",
        }
    }

    fn allows(&self, slot: Slot, file: File, peer: IpAddr) -> bool {
        matches!(self.model.judge_peer(slot, file, peer), Verdict::Allow(..))
    }

    /// The server has said 150.
    async fn transferred(&mut self, slot: Slot, file: File) {
        let aborts = self.random.random_ratio(1, 8);
        if aborts {
            self.client.say("ABOR").await;
        }
        match slot.way {
            Way::Active(target) => self.called(slot, target, file, aborts).await,
            Way::Passive(address) => {
                for _ in 0..self.random.random_range(0..3) {
                    self.come(address, slot).await;
                }
                self.came(slot, file, aborts).await;
            }
        }
    }

    /// The end of a transfer, and of an ABOR if there was one.
    async fn end(&mut self, aborts: bool) -> String {
        let end = self.client.reply().await;
        self.dialogue.lines.push(format!("< {end}"));
        if aborts {
            let told = self.client.hears("226").await;
            self.dialogue.lines.push(format!("(ABOR)\n< {told}"));
        }
        end
    }

    /// The server connects, which it may: the policy has been asked.
    async fn called(&mut self, slot: Slot, target: SocketAddr, file: File, aborts: bool) {
        let at = self.listeners.iter().position(|listener| listener.local_addr().unwrap() == target);
        let clear = slot.protection == Protection::Clear;
        let tcp = match at {
            Some(at) if !aborts => Some(accepted_in_time(&self.listeners[at]).await),
            _ => None,
        };
        if let Some(mut tcp) = tcp {
            self.tally.connected += 1;
            self.tally.foreign += usize::from(!self.model.is_client(target.ip()));
            let bytes = if clear { b"stored" } else { NO_HANDSHAKE };
            if file.is_store() || !clear {
                tcp.write_all(bytes).await.unwrap();
            }
            let _ = tcp.shutdown().await;
            let end = self.end(aborts).await;
            assert_eq!(end.starts_with("226"), clear, "{end}");
            return;
        }
        self.end(aborts).await;
        // It may have connected before it was told to stop.
        at.and_then(|at| accepted(&self.listeners[at]));
    }

    /// One of the hosts connects to a passive port, if that is still there.
    async fn come(&mut self, address: SocketAddr, slot: Slot) {
        let from: IpAddr = pick(&mut self.random, &HOSTS).parse().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let Ok(mut tcp) = socket.connect(address).await else { return };
        let mark = tcp.local_addr().unwrap().to_string();
        // Strangers are reset, maybe before they have said anything.
        let said = match slot.protection {
            Protection::Private => NO_HANDSHAKE,
            Protection::Clear => mark.as_bytes(),
        };
        let _ = tcp.write_all(said).await;
        let _ = tcp.shutdown().await;
        // Who has got a file closes: the server waits for that.
        self.comers.push(Comer { from, mark, got: tokio::spawn(everything(tcp)) });
    }

    /// Others connect. Who is let in leaves a mark in the file, or gets bytes.
    async fn came(&mut self, slot: Slot, file: File, aborts: bool) {
        let end = self.end(aborts).await;
        let comers = std::mem::take(&mut self.comers);
        let clear = slot.protection == Protection::Clear;
        let somebody_may = comers.iter().any(|comer| self.allows(slot, file, comer.from));
        if clear && !aborts {
            assert_eq!(end.starts_with("226"), somebody_may, "{end}");
        }
        let stored = match file {
            File::Store(_) => self.world.files.read(&file.path().to_string()).unwrap_or_default(),
            _ => Vec::new(),
        };
        for comer in comers {
            let got_bytes = !comer.got.await.unwrap().is_empty();
            let let_in = got_bytes || (clear && stored == comer.mark.as_bytes());
            let allowed = self.allows(slot, file, comer.from);
            self.dialogue.lines.push(format!("({} came: let in {let_in}, allowed {allowed})", comer.mark));
            assert!(allowed || !let_in, "{} was let in", comer.from);
            self.tally.let_in += usize::from(let_in);
            self.tally.foreign_in += usize::from(let_in && !self.model.is_client(comer.from));
            self.tally.turned_away += usize::from(!allowed);
        }
    }

    /// No SYN leaves but those that were accounted for: a connection that the kernel has made is in the
    /// queue of its listener.
    fn nobody_else_was_called(&self) {
        for listener in &self.listeners {
            let called = accepted(listener);
            assert!(called.is_none(), "{} was connected to", listener.local_addr().unwrap());
        }
    }
}

/// One who has connected to a passive port.
struct Comer {
    from: IpAddr,
    /// What it would store.
    mark: String,
    /// All that it got.
    got: JoinHandle<Vec<u8>>,
}

fn configured(config: Config, fxp: Fxp, behind_nat: bool) -> Config {
    let user = |name: &str| User::throwaway(name, &Secret::new("open sesame"), "/");
    let mut config = config.with_user(User { may_fxp: false, ..user("homebody") });
    config.anonymous = Config::parse("[anonymous]\nhome = \"/\"\nrights = \"full\"").unwrap().anonymous;
    config.fxp = fxp;
    config.passive_address = behind_nat.then(|| PassiveAddress::Literal([127, 0, 0, 1].into()));
    // Waiting in vain is most of what happens here; a busy machine must still be in time.
    config.limits.data_timeout = Duration::from_millis(800);
    config.limits.foreign_timeout = Duration::from_millis(500);
    config.limits.foreign_failures = usize::MAX;
    config
}

async fn connect(world: &World, secure: bool) -> Client {
    let mut client = world.connect().await;
    if secure {
        client.auth_tls(&world.certificate).await;
    }
    client
}

/// A rule about the hosts of this test.
fn rule(random: &mut StdRng) -> Rule {
    let net: IpNet = pick(random, &NETS).parse().unwrap();
    let mut rule = Rule::allow(net);
    if random.random_ratio(1, 3) {
        rule.action = Action::Deny;
    } else {
        rule.tls = pick(random, &[TlsNeed::Offered, TlsNeed::Offered, TlsNeed::Required]);
        rule.proof = pick(random, &[Proof::None, Proof::None, Proof::None, Proof::Pin, Proof::Key]);
    }
    rule.direction = pick(random, &[Direction::In, Direction::Out, Direction::Any, Direction::Any]);
    if random.random_ratio(1, 3) {
        rule.path = VPath::parse(b"/in").unwrap();
    }
    if random.random_ratio(1, 6) {
        rule.who = vec!["alice".to_owned()];
    }
    if random.random_ratio(1, 4) {
        rule.ports = vec![pick(random, &["1024-65535", "1-1023"]).parse().unwrap()];
    }
    rule
}

/// All that comes until the end, whatever the end is.
async fn everything(mut tcp: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = timeout(PATIENCE, tcp.read_to_end(&mut bytes)).await.expect("an end");
    bytes
}

/// A connection that is there already.
fn accepted(listener: &std::net::TcpListener) -> Option<TcpStream> {
    match listener.accept() {
        Ok((tcp, _)) => {
            tcp.set_nonblocking(true).unwrap();
            Some(TcpStream::from_std(tcp).unwrap())
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("{error}"),
    }
}

async fn accepted_in_time(listener: &std::net::TcpListener) -> TcpStream {
    let soon = async {
        loop {
            match accepted(listener) {
                Some(tcp) => return tcp,
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    };
    timeout(PATIENCE, soon).await.expect("the server connects")
}

fn pick<T: Copy>(random: &mut StdRng, choices: &[T]) -> T {
    *choices.choose(random).expect("there are choices")
}

/// Makes a TLS server say that it is none, and a client that it wants another.
const NO_HANDSHAKE: &[u8] = b"no handshake at all\r\n";
