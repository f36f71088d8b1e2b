//! Across a network: the client far away on a thin line, and counters on every line that do not belong
//! to the programs they judge.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::USER;
use fxp_testkit::data;
use fxp_testkit::demand::demand;

use crate::fxp::{Fxp, Ran};
use crate::lab::Lab;
use crate::server::{Host, Server, Settings};

/// Large enough that a copy through the client could not hide in the control connections' bytes.
const SIZE: u64 = 8 * 1024 * 1024;
/// The most that two control connections may need for one file over TLS, both ways, handshakes included.
const CONTROL_CEILING: u64 = 64 * 1024;

/// Runs `fxp` on the client's host until it succeeds or `limit` is over: the servers may still be starting.
pub(crate) fn run(fxp: &Fxp, lab: &Lab, arguments: &[&str], limit: Duration) -> Result<(), String> {
    let deadline = Instant::now() + limit;
    loop {
        let ran: Ran = fxp.command_on(lab, "client").args(arguments).output().expect("fxp runs").into();
        if ran.code == 0 {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(ran.stderr);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// `fxpd` on a host of the lab, which may still be starting.
pub(crate) fn server(lab: &Lab, host: &str, ip: &str, authority: &Authority) -> Server {
    let address = SocketAddr::new(ip.parse().expect("an address"), 21);
    Server::start(Host::Lab(lab, host), address, authority, Settings::default())
}

#[test]
fn no_byte_of_the_file_crosses_the_clients_line() {
    let test = "netlab";
    let Some(lab) = demand(test, Lab::up(&["--rtt", "client-a=20ms,client-b=20ms,a-b=2ms"])) else { return };
    let authority = Authority::new().expect("an authority");
    let (source, destination) =
        (server(&lab, "a", "10.77.0.2", &authority), server(&lab, "b", "10.77.0.3", &authority));
    let fxp = Fxp::new(&[]);
    for server in [&source, &destination] {
        let ip = server.address.ip().to_string();
        fxp.trust(&ip, &server.fingerprint);
        let up = run(&fxp, &lab, &["ls", &format!("ftpes://{USER}@{ip}/")], Duration::from_secs(20));
        up.unwrap_or_else(|error| panic!("{error}\n{}", server.log()));
    }
    data::write(&source.file("file"), SIZE, 3).expect("a file");
    lab.change(&["stats", "--reset"]);

    let (from, to) = (format!("ftpes://{USER}@10.77.0.2/file"), format!("ftpes://{USER}@10.77.0.3/copy"));
    run(&fxp, &lab, &["cp", &from, &to], Duration::ZERO)
        .unwrap_or_else(|error| panic!("{error}\n{}\n{}", source.log(), destination.log()));

    assert_eq!(
        data::sha256(&source.file("file")).expect("file"),
        data::sha256(&destination.file("copy")).expect("copy")
    );
    let client = lab.payload("client-a") + lab.payload("client-b");
    assert!(client < CONTROL_CEILING, "{client} bytes crossed the client's line");
    let between = lab.payload("a>b");
    assert!(between >= SIZE, "only {between} bytes went from server to server");
}
