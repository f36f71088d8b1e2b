//! The dialogues of clients that cannot be run here, played against `fxpd` over real sockets with real TLS: what
//! FlashFXP, SmartFTP, cbftp and FileZilla send, in their order. `dialogues/play.py` is the client, the texts beside it
//! are what it says and what it must hear.

use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Daemon, Product, Setup, folder};
use fxp_testkit::demand::{Missing, demand};
use fxp_testkit::port;

/// The file that every first server has.
const MOVIE: &str = "movie";

/// Plays `dialogues/NAME.txt` against as many `fxpd` as there are `addresses`. What the dialogue says is `copies` on the
/// last one must then be the movie.
fn play(name: &str, addresses: &[IpAddr], copies: &[&str]) {
    let python = folder().join("python/bin/python");
    let there = match python.exists() {
        true => Ok(()),
        false => {
            Err(Missing(format!("{} is missing; tools/daemons/install puts it there", python.display())))
        }
    };
    let Some(()) = demand(name, there) else { return };
    let authority = Authority::new().expect("an authority");
    let start = |ip: &IpAddr| Daemon::start_at(Product::Fxpd, Setup::TLS, &authority, None, *ip);
    let servers: Vec<Daemon> = addresses.iter().map(|ip| start(ip).expect("fxpd starts")).collect();
    // As play.py knows the contents of files.
    let movie = format!("{MOVIE}\n").repeat(1000);
    std::fs::write(servers[0].root.join(MOVIE), &movie).expect("a file");
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/dialogues");
    let output = Command::new("timeout")
        .args(["60"])
        .arg(python)
        .arg(here.join("play.py"))
        .arg(here.join(PathBuf::from(name).with_extension("txt")))
        .args(servers.iter().map(|server| server.address.to_string()))
        .stdin(Stdio::null())
        .output()
        .expect("python runs");
    assert!(output.status.success(), "{name}:\n{}", String::from_utf8_lossy(&output.stderr));
    let last = servers.last().expect("a server");
    for copy in copies {
        let arrived = std::fs::read(last.root.join(copy)).unwrap_or_default();
        assert!(arrived == movie.as_bytes(), "{name}: {copy} is not the movie");
    }
}

fn two() -> [IpAddr; 2] {
    [port::loopback(), port::loopback()]
}

#[test]
fn filezilla() {
    play("filezilla", &[port::loopback()], &[]);
}

#[test]
fn cbftp() {
    play("cbftp", &two(), &["by-cpsv", "by-sscn"]);
}

#[test]
fn cbftp_over_ipv6() {
    play("cbftp_ipv6", &[Ipv6Addr::LOCALHOST.into(); 2], &["by-eprt"]);
}

#[test]
fn flashfxp() {
    play("flashfxp", &two(), &["flash"]);
}

#[test]
fn smartftp() {
    play("smartftp", &two(), &["smart"]);
}
