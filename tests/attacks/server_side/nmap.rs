//! nmap's own bounce scan and its script, which judge servers all over the world.

use std::net::SocketAddr;
use std::process::Command;

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Daemon, PASSWORD, Product, Setup, USER};
use fxp_testkit::demand::{Missing, demand};
use fxp_testkit::port;

use super::stage::Bystander;
use crate::server::{Host, Server, Settings};

/// The port where the script looks for FTP.
const FTP: u16 = 21;

fn available() -> Result<(), Missing> {
    match Command::new("nmap").arg("--version").output() {
        Ok(_) => Ok(()),
        Err(error) => Err(Missing(format!("nmap: {error}; `tools/daemons/install` installs it"))),
    }
}

fn nmap(arguments: &[&str]) -> String {
    let output = Command::new("timeout").args(["60", "nmap", "-Pn", "-n", "-v"]).args(arguments).output();
    let output = output.expect("nmap runs");
    [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
}

/// `nmap -b`: scans `target` through the server.
fn scan(server: SocketAddr, target: SocketAddr) -> String {
    let relay = format!("{USER}:{PASSWORD}@{server}");
    nmap(&["-b", &relay, "-p", &target.port().to_string(), &target.ip().to_string()])
}

/// The script `ftp-bounce`.
fn script(server: SocketAddr, target: SocketAddr) -> String {
    let arguments = format!(
        "ftp-bounce.username={USER},ftp-bounce.password={PASSWORD},ftp-bounce.checkhost={}",
        target.ip()
    );
    nmap(&[
        "-p",
        &FTP.to_string(),
        "--script",
        "ftp-bounce",
        "--script-args",
        &arguments,
        &server.ip().to_string(),
    ])
}

#[test]
fn nmap_reports_the_bounce_closed() {
    let test = "nmap";
    let Some(()) = demand(test, available()) else { return };
    let authority = Authority::new().expect("an authority");
    let bystander = Bystander::new();
    let is_open = |said: &str| said.contains(&format!("{}/tcp open", bystander.address.port()));

    let address = SocketAddr::new(port::loopback(), FTP);
    let settings = Settings { closed: true, ..Settings::default() };
    let server = Server::start(Host::Here, address, &authority, settings);
    let said = scan(address, bystander.address);
    assert!(!is_open(&said), "{said}");
    let said = script(address, bystander.address);
    assert!(
        said.contains("PORT response: 5") && !said.contains("bounce working"),
        "{said}\n{}",
        server.log()
    );
    assert_eq!(bystander.visits(), 0);

    // That they find it where it is: vsftpd as people set it up for FXP.
    let Some(()) = demand(test, Product::Vsftpd.available()) else { return };
    let vsftpd =
        Daemon::start_on(Product::Vsftpd, Setup::PLAIN, &authority, SocketAddr::new(port::loopback(), FTP));
    let vsftpd = vsftpd.expect("vsftpd starts");
    // nmap overlooks a 226 that comes together with its 150: the listing has to take a moment.
    for number in 0..3000 {
        std::fs::write(vsftpd.root.join(format!("file {number}")), b"").expect("a file");
    }
    let said = scan(vsftpd.address, bystander.address);
    assert!(is_open(&said), "{said}\n{}", vsftpd.log());
    let said = script(vsftpd.address, bystander.address);
    assert!(said.contains("bounce working"), "{said}\n{}", vsftpd.log());
}
