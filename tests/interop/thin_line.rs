//! A person on a line of 256 kbit/s, 50 ms away from two servers that have 200 Mbit/s between them: what such a
//! person gets, and what it costs their line. Here time is what is promised, so here it is asserted.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::USER;
use fxp_testkit::data;
use fxp_testkit::demand::demand;

use crate::fxp::Fxp;
use crate::lab::Lab;
use crate::netlab;
use crate::server::Server;

/// The lines.
const LINES: &[&str] = &[
    "--rtt",
    "client-a=50ms,client-b=50ms,a-b=20ms",
    "--rate",
    "client-a=256kbit,client-b=256kbit,a-b=200mbit",
];
/// The longest that one command below may take.
const PATIENCE: Duration = Duration::from_secs(12);
/// The most that all commands of a session may send over the client's lines, both of them and both ways added up.
const ALLOWANCE: u64 = 64 * 1024;
/// How long servers may take to start.
const START: Duration = Duration::from_secs(20);

/// The two servers, the person's books, and the lines between them.
struct World {
    source: Server,
    destination: Server,
    books: Fxp,
    // Last, so that it goes last.
    lab: Lab,
}

impl World {
    /// Servers that answer, sites `work` and `archive`, counters at zero; `None` (said loudly) without a lab.
    fn new(test: &str) -> Option<World> {
        let lab = demand(test, Lab::up(LINES))?;
        let authority = Authority::new().expect("an authority");
        let source = netlab::server(&lab, "a", "10.77.0.2", &authority);
        let destination = netlab::server(&lab, "b", "10.77.0.3", &authority);
        let world = World { source, destination, books: Fxp::new(&[]), lab };
        for (name, ip, server) in
            [("work", "10.77.0.2", &world.source), ("archive", "10.77.0.3", &world.destination)]
        {
            world.fxp(&["trust", "add", ip, &server.fingerprint], Duration::ZERO, server);
            world.fxp(&["site", "add", name, &format!("ftpes://{USER}@{ip}")], Duration::ZERO, server);
            world.fxp(&["ls", &format!("{name}:")], START, server);
        }
        Some(world)
    }

    fn fxp(&self, arguments: &[&str], limit: Duration, server: &Server) {
        netlab::run(&self.books, &self.lab, arguments, limit)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{}", server.log()));
    }

    /// Types `arguments` at a terminal, where the bar is shown.
    fn type_at_terminal(&self, arguments: &[&str]) -> Output {
        let mut fxp = self.books.command_on(&self.lab, "client");
        fxp.args(arguments);
        let words: Vec<_> = fxp.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        let mut script = std::process::Command::new("script");
        // `script` gives its command a terminal, and ends with its exit code.
        script
            .args(["--quiet", "--return", "--log-out", "/dev/null", "--command"])
            .arg(format!("stty cols 120; exec '{}' {}", fxp.get_program().display(), words.join(" ")))
            .envs(fxp.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .envs([("TERM", "xterm"), ("NO_COLOR", "1")])
            .stdin(std::process::Stdio::null())
            .output()
            .expect("script (bsdutils) runs")
    }

    fn forget_traffic(&self) {
        self.lab.change(&["stats", "--reset"]);
    }

    /// What has crossed the client's lines since, in bytes.
    fn clients_traffic(&self) -> u64 {
        self.lab.payload("client-a") + self.lab.payload("client-b")
    }

    fn assert_equal(&self, from: &str, to: &str) {
        let digest = |path: &Path| data::sha256(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert_eq!(digest(&self.source.file(from)), digest(&self.destination.file(to)), "{from}");
    }

    fn logs(&self) -> String {
        format!("{}\n{}", self.source.log(), self.destination.log())
    }
}

/// What was typed succeeded, in time and within the allowance.
fn judge(world: &World, output: &Output, elapsed: Duration) -> String {
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{}", world.logs());
    let traffic = world.clients_traffic();
    eprintln!("thin line: {:.1} s, {traffic} bytes on the client's lines", elapsed.as_secs_f64());
    assert!(traffic < ALLOWANCE, "{traffic} bytes crossed the client's lines\n{said}");
    assert!(elapsed < PATIENCE, "it took {elapsed:?}\n{said}\n{}", world.logs());
    said
}

#[test]
fn a_hundred_megabytes_take_seconds_and_little_of_the_line() {
    let Some(world) = World::new("a thin line") else { return };
    data::write(&world.source.file("file"), 100_000_000, 3).expect("a file");
    world.forget_traffic();
    let begin = Instant::now();
    let output = world.type_at_terminal(&["cp", "work:file", "archive:copy"]);
    let said = judge(&world, &output, begin.elapsed());
    world.assert_equal("file", "copy");
    // The bar was drawn, with bytes that arrived long before the end.
    assert!(said.contains("MiB/s") && said.contains("file"), "{said}");
    assert!(said.contains("0 bytes through this machine") && said.contains("SHA-256"), "{said}");
    assert!(world.lab.payload("a>b") >= 100_000_000);
}

#[test]
fn the_readmes_session_takes_as_little() {
    let Some(world) = World::new("the README's session on a thin line") else { return };
    for (number, name) in ["beach.jpg", "harbour.jpg", "2026/dune.jpg", "2026/pier.jpg"].iter().enumerate() {
        data::write(&world.source.file(&format!("photos/{name}")), 4 << 20, number as u64).expect("a photo");
    }
    data::write(&world.source.file("backup.tar"), 48 << 20, 9).expect("a backup");
    world.forget_traffic();
    let begin = Instant::now();
    let arguments = ["cp", "-r", "work:photos", "work:backup.tar", "archive:"];
    let first = world.type_at_terminal(&arguments);
    let said = judge(&world, &first, begin.elapsed());
    assert!(said.contains("Copied 5 files, 64.0 MiB"), "{said}");
    // The same command again finds out that nothing is left to do; its traffic is counted on top.
    let begin = Instant::now();
    let again = world.type_at_terminal(&arguments);
    let said = judge(&world, &again, begin.elapsed());
    assert!(said.contains("Nothing to copy; 5 there already and equal"), "{said}");
    for name in ["photos/beach.jpg", "photos/harbour.jpg", "photos/2026/dune.jpg", "backup.tar"] {
        world.assert_equal(name, name);
    }
}
