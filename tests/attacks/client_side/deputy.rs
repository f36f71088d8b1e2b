//! The confused deputy: a hostile server announces an address that it cannot reach itself, and hopes that
//! `fxp` connects there, or has the honest server connect there (CVE-2020-8284, CVE-2021-4189, and the same
//! turned against a third party).
//!
//! Every address that is named has a listener, on the client's host and on the servers', at the very port that
//! is named. The honest server takes every PORT and would connect anywhere; what it was told is compared.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::Duration;

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{PASSWORD, Setup, USER};
use fxp_testkit::demand::demand;
use fxp_testkit::dialect::products::ORDINARY;
use fxp_testkit::dialect::{Dialect, Epsv, Features, Peer};
use fxp_testkit::lftp;

use super::ground::{
    Ground, HONEST, HONEST_V6, HOSTILE, HOSTILE_V6, Host, LAN_OF_CLIENT, LAN_OF_HONEST, METADATA, Trap,
    address,
};
use super::hostile::{Dialogue, Hostile, Turn};
use crate::fxp::{Fxp, Ran, program};

/// How the hostile server names its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// 227.
    Pasv,
    /// 227 behind a PRET, which makes other hosts' addresses plausible.
    PretPasv,
    /// 229 with an address in it.
    Epsv,
    /// 229 behind CEPR or PRET.
    PretEpsv,
}

/// One case on its ground.
struct Case<'a> {
    ground: &'a Ground,
    hostile: Hostile,
    honest: Peer,
    fxp: Fxp,
    traps: Vec<Trap>,
    named: IpAddr,
}

impl<'a> Case<'a> {
    fn new(ground: &'a Ground, named: &str, form: Form) -> Case<'a> {
        Case::listening_at(ground, named, form, None)
    }

    /// The data is at `data` in truth; `None`: where the hostile server itself is.
    fn listening_at(ground: &'a Ground, named: &str, form: Form, data: Option<&str>) -> Case<'a> {
        let named = address(named);
        let (own, other) = match named {
            IpAddr::V4(_) => (address(HOSTILE), address(HONEST)),
            IpAddr::V6(_) => (address(HOSTILE_V6), address(HONEST_V6)),
        };
        let (hostile, honest, port) = ground.on(Host::Servers, || {
            let data = data.map_or(own, address);
            let data = TcpListener::bind((data, 0)).and_then(|free| free.local_addr()).expect("a port");
            let port = data.port();
            let twist = move |dialogue: &mut Dialogue, line: &str| twist(dialogue, line, named, data, form);
            let hostile = Hostile::start(own, None, &[("/file", b"from the hostile server")], twist);
            let list: &'static [&'static str] = &["SIZE", "MDTM", "REST STREAM", "EPSV", "EPRT"];
            let dialect = Dialect {
                ip: Some(other),
                epsv: Epsv::Delimiter('|'),
                features: Features { list, ..ORDINARY.features },
                ..ORDINARY
            };
            let authority = Authority::new().expect("an authority");
            let honest = Peer::start(dialect, Setup::PLAIN, &authority).expect("a peer");
            std::fs::write(honest.root.join("file"), "from the honest server").expect("a file");
            (hostile, honest, port)
        });
        // To the unspecified address the kernel connects as to itself.
        let trapped = if named.is_unspecified() { address("127.0.0.1") } else { named };
        let trap = |host| ground.on(host, || Trap::at(host, SocketAddr::new(trapped, port)));
        let traps = [Host::Client, Host::Servers].into_iter().filter_map(trap).collect();
        Case { ground, hostile, honest, fxp: Fxp::new(&[]), traps, named }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.ground.on(Host::Client, || self.fxp.run(arguments))
    }

    /// From server to server; the hostile one listens.
    fn copy(&self, hostile_is_source: bool, more: &[&str]) -> Ran {
        let ends = [self.hostile.url("file"), self.honest.url("copied")];
        let back = [self.honest.url("file"), self.hostile.url("copied")];
        let [from, to] = if hostile_is_source { &ends } else { &back };
        let passive = if hostile_is_source { "source" } else { "destination" };
        let fixed = ["--json", "cp", "--tls", "off", "--retries", "0", "--passive", passive];
        self.run(&[&fixed[..], more, &[from, to]].concat())
    }

    /// Nobody came to the named address, and the honest server was told of none but the hostile server's own.
    fn check(&self, ran: &Ran) {
        let caught: Vec<_> = self.traps.iter().flat_map(Trap::caught).collect();
        assert_eq!(caught, [], "somebody connected to {}: {}", self.named, self.explain(ran));
        for line in self.honest.log().lines() {
            let told = line.split_once("< PORT ").or_else(|| line.split_once("< EPRT "));
            let Some((_, told)) = told else { continue };
            let own = self.hostile.address.ip().to_string();
            let own = if line.contains("EPRT") { own } else { own.replace('.', ",") };
            assert!(told.contains(&own), "the honest server was told {told}: {}", self.explain(ran));
        }
    }

    fn explain(&self, ran: &Ran) -> String {
        format!(
            "exit code {}\n{}\n{}\n{}{}",
            ran.code,
            ran.stdout,
            ran.stderr,
            self.hostile.log(),
            self.honest.log()
        )
    }
}

fn twist(dialogue: &mut Dialogue, line: &str, named: IpAddr, data: SocketAddr, form: Form) -> Turn {
    let pret = matches!(form, Form::PretPasv | Form::PretEpsv);
    let extended = matches!(form, Form::Epsv | Form::PretEpsv);
    match line.split(' ').next().unwrap_or_default() {
        "FEAT" => {
            let more = [(pret, " PRET\r\n"), (extended, " EPSV\r\n CEPR\r\n")];
            let more: String = more.iter().filter(|(offered, _)| *offered).map(|(_, line)| *line).collect();
            dialogue.answer(&format!(
                "211-Features\r\n SIZE\r\n MLST type*;size*;\r\n REST STREAM\r\n{more}211 End"
            ))
        }
        "CEPR" => dialogue.answer("200 CEPR set"),
        "PASV" if !extended => {
            let port = dialogue.listen_at(data);
            let (ip, high, low) = (named.to_string().replace('.', ","), port >> 8, port & 255);
            dialogue.answer(&format!("227 Entering Passive Mode ({ip},{high},{low})"))
        }
        "EPSV" => {
            let port = dialogue.listen_at(data);
            let family = if named.is_ipv4() { 1 } else { 2 };
            dialogue.answer(&format!("229 Entering Extended Passive Mode (|{family}|{named}|{port}|)"))
        }
        "PASV" => dialogue.answer("502 Not known here"),
        _ => Turn::Polite,
    }
}

/// Addresses that are not the hostile server's.
const NAMED_V4: [&str; 6] = [
    "127.0.0.1",
    LAN_OF_HONEST,
    LAN_OF_CLIENT,
    METADATA,
    // Between a provider and its customers (RFC 6598).
    "100.64.9.9",
    HONEST,
];

/// The same for IPv6, where an IPv4 address has many disguises: mapped (RFC 4291, 2.5.5.2), compatible
/// (2.5.5.1), NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056), Teredo (RFC 4380).
const NAMED_V6: [&str; 12] = [
    "::1",
    "fe80::7777",
    "fd00:7::7",
    "fd00:9::9",
    "::ffff:10.9.9.9",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::10.9.9.9",
    "2002:7f00:1::1",
    // 10.9.9.9, with its bits turned round.
    "2001::f5f6:f6f6",
    HONEST_V6,
];

/// The data goes to the hostile server itself, and nowhere else.
#[test]
fn a_passive_reply_that_names_somebody_else_makes_no_port() {
    program("fxp");
    let Some(ground) = demand("the confused deputy", Ground::new()) else { return };
    let v4 = NAMED_V4.map(|named| (named, Form::Pasv));
    let v6 = NAMED_V6.map(|named| (named, Form::Epsv));
    for (named, form) in v4.into_iter().chain([("0.0.0.0", Form::Pasv)]).chain(v6) {
        for hostile_is_source in [true, false] {
            let case = Case::new(&ground, named, form);
            let ran = case.copy(hostile_is_source, &[]);
            case.check(&ran);
            // The honest server is told to connect to the hostile one, unless that has named the honest one itself.
            let expected = if named == HONEST || named == HONEST_V6 { 8 } else { 0 };
            assert_eq!(ran.code, expected, "{named}: {}", case.explain(&ran));
        }
    }
}

/// Behind a PRET the data may rightly be on another host, so that nothing can be put in the place of an address
/// that cannot be meant: the copy is refused, with the reason.
#[test]
fn a_passive_reply_behind_pret_that_names_somebody_else_makes_no_port() {
    program("fxp");
    let Some(ground) = demand("the confused deputy", Ground::new()) else { return };
    let v4 = NAMED_V4.map(|named| (named, Form::PretPasv));
    let v6 = NAMED_V6.map(|named| (named, Form::PretEpsv));
    for (named, form) in v4.into_iter().chain(v6) {
        for hostile_is_source in [true, false] {
            let case = Case::new(&ground, named, form);
            let ran = case.copy(hostile_is_source, &[]);
            case.check(&ran);
            assert_eq!(ran.code, 8, "{named}: {}", case.explain(&ran));
            let reason = "announced a data address that must not be used";
            assert!(ran.stdout.contains(reason), "{named}: {}", case.explain(&ran));
            assert_eq!(case.honest.heard("PORT") + case.honest.heard("EPRT"), 0, "{}", case.explain(&ran));
        }
    }
}

/// Without another server: a listing, a download, an upload, and both legs of a relay.
#[test]
fn nor_does_the_client_itself_connect_there() {
    program("fxp");
    let Some(ground) = demand("the confused deputy", Ground::new()) else { return };
    for form in [Form::Pasv, Form::PretPasv, Form::Epsv, Form::PretEpsv] {
        let named: &[&str] = match form {
            Form::Pasv | Form::PretPasv => &NAMED_V4,
            Form::Epsv | Form::PretEpsv => &NAMED_V6,
        };
        for &named in named {
            // Of this one the client knows nothing: behind a PRET it is a public address like any other.
            if named == HONEST || named == HONEST_V6 {
                continue;
            }
            let case = Case::new(&ground, named, form);
            let local = case.fxp.home().join("file");
            let local = local.to_str().expect("a path of UTF-8");
            let (from, to) = (case.hostile.url("file"), case.hostile.url("stored"));
            let relay = ["cp", "--tls", "off", "--retries", "0", "--via", "relay"];
            for arguments in [
                vec!["ls", "--tls", "off", &case.hostile.url("")],
                vec!["cat", "--tls", "off", &from],
                vec!["cp", "--tls", "off", "--retries", "0", &from, local],
                vec!["cp", "--tls", "off", "--retries", "0", local, &to],
                [&relay[..], &[&from, &case.honest.url("relayed")]].concat(),
                [&relay[..], &[&case.honest.url("file"), &case.hostile.url("relayed")]].concat(),
            ] {
                let ran = case.run(&arguments);
                case.check(&ran);
                assert_eq!(ran.code, 0, "{named} {arguments:?}: {}", case.explain(&ran));
            }
            assert_eq!(std::fs::read(local).expect("a file"), b"from the hostile server");
        }
    }
}

/// What the user has said of a site outranks what its server says: the data goes to that address, whatever is
/// announced, with PRET and without, in both directions.
#[test]
fn the_users_own_data_address_outranks_what_is_announced() {
    program("fxp");
    let Some(ground) = demand("the confused deputy", Ground::new()) else { return };
    for form in [Form::Pasv, Form::PretPasv] {
        for named in ["127.0.0.1", LAN_OF_CLIENT, METADATA] {
            for hostile_is_source in [true, false] {
                let case = Case::listening_at(&ground, named, form, Some(LAN_OF_HONEST));
                let address = case.hostile.address;
                let sites = format!(
                    "[site.odd]\nhost = \"{}\"\nport = {}\nuser = \"mover\"\ndata_address = \"{LAN_OF_HONEST}\"\n",
                    address.ip(),
                    address.port()
                );
                std::fs::write(case.fxp.home().join("sites.toml"), sites).expect("a site book");
                let (own, passive) = match hostile_is_source {
                    true => (["odd:file".to_owned(), case.honest.url("copied")], "source"),
                    false => ([case.honest.url("file"), "odd:copied".to_owned()], "destination"),
                };
                let fixed = ["--json", "cp", "--tls", "off", "--retries", "0", "--passive", passive];
                let ran = case.run(&[&fixed[..], &[&own[0], &own[1]]].concat());
                assert_eq!(ran.code, 0, "{}", case.explain(&ran));
                let told = LAN_OF_HONEST.replace('.', ",");
                assert_eq!(case.honest.heard(&format!("PORT {told}")), 1, "{}", case.explain(&ran));
                assert_eq!(case.honest.heard("PORT"), 1, "{}", case.explain(&ran));
                let caught: Vec<_> = case.traps.iter().flat_map(Trap::caught).collect();
                assert_eq!(caught, [], "{}", case.explain(&ran));
            }
        }
    }
}

/// What comes of it with today's software: lftp mends the addresses of RFC 1918, loopback and link-local, and no
/// others.
#[test]
fn lftp_tells_the_honest_server_what_the_hostile_one_names() {
    const SHARED: &str = "100.64.9.9";
    if demand("lftp as a deputy", fxp_testkit::lftp::available()).is_none() {
        return;
    }
    let Some(ground) = demand("the confused deputy", Ground::new()) else { return };
    let case = Case::new(&ground, SHARED, Form::Pasv);
    let known = |url: &str| url.replacen("mover@", &format!("{USER}:{PASSWORD}@"), 1);
    let script = format!(
        "set ftp:ssl-allow no; set ftp:fxp-passive-source yes; get -O {} {}",
        known(&case.honest.url("")),
        known(&case.hostile.url("file"))
    );
    let ran: Ran = ground.on(Host::Client, || lftp::run(&script, LFTP_TIME).expect("lftp runs")).into();
    assert_eq!(case.honest.heard(&format!("PORT {}", SHARED.replace('.', ","))), 1, "{}", case.explain(&ran));
    let caught: Vec<_> = case.traps.iter().flat_map(Trap::caught).collect();
    assert!(matches!(caught[..], [(Host::Servers, _)]), "{caught:?} {}", case.explain(&ran));
}

/// More than it needs for one file.
const LFTP_TIME: Duration = Duration::from_secs(5);
