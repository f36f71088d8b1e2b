//! What a person reads when two servers cannot be joined, for every kind of refusal and every product,
//! against `docs/explanations.md`. `FXP_UPDATE=1 cargo test -p fxp explanations` writes that page anew;
//! read the difference.
//!
//! Nothing is made up but the names: the servers' words are their own, read by the classifier, the rung is
//! one of the ladder that their FEAT allows, and the text is what the program prints.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use fxp_engine::explain::{self, Pair};
use fxp_engine::plan::ladder::{End, Ladder, Policy, Rung, ladder};
use fxp_engine::policy::{AssuranceChoice, EndChoice, MethodChoice, Secure};
use fxp_engine::product::{Product, Products};
use fxp_engine::report::Trouble;
use fxp_proto::grammar::addr::Family;
use fxp_proto::grammar::feat::Features;
use fxp_proto::grammar::reply::{Reply, ReplyParser};
use fxp_proto::grammar::verb::Verb;
use fxp_proto::pair::exchange::{Failure, Refusal, Step};
use fxp_proto::pair::leg::Leg;
use fxp_proto::pair::refusal::classify;
use fxp_proto::wire::text::Text;

use super::{Failure as Shown, failure_text};

/// One refusal: the server that refuses, its roles, the step, and its words after the verb.
/// In clear where there is no TLS role. Without words the server was silent.
type Row = (&'static str, &'static str, Step, &'static str);

const ROWS: &[Row] = &[
    // The other server's address.
    (
        "fxpd",
        "source connects, TLS server",
        Step::Connect,
        "PORT 500 no data connection with that address (id 5ec88f20)",
    ),
    (
        "fxpd",
        "destination listens, TLS client",
        Step::Transfer,
        "STOR 550 the data connection is not allowed here (id 0b1d7a90)",
    ),
    ("proftpd", "source connects, TLS server", Step::Connect, "PORT 500 Illegal PORT command"),
    ("proftpd", "source connects, TLS server", Step::Connect, "EPRT 500 Illegal EPRT command"),
    (
        "proftpd",
        "destination listens, TLS client",
        Step::Transfer,
        "STOR 425 Unable to build data connection: Permission denied",
    ),
    ("vsftpd", "source connects, TLS server", Step::Connect, "PORT 500 Illegal PORT command."),
    ("vsftpd", "destination listens, TLS server", Step::Transfer, "STOR 425 Security: Bad IP connecting."),
    (
        "pureftpd",
        "source connects, TLS server",
        Step::Connect,
        "PORT 500 I won't open a connection to 192.0.2.7 (only to 198.51.100.9)",
    ),
    (
        "pyftpdlib",
        "source connects, TLS server",
        Step::Connect,
        "PORT 501 Rejected data connection to foreign address 192.0.2.7:50000.",
    ),
    (
        "pyftpdlib",
        "destination listens, TLS server",
        Step::Transfer,
        "STOR 425 Rejected data connection from foreign address 192.0.2.7:40000.",
    ),
    (
        "drftpd",
        "source connects, TLS server",
        Step::Transfer,
        "RETR 426 You are not allowed to FXP from here.",
    ),
    ("glftpd", "source connects, TLS server", Step::Connect, "PORT 500 FXP not allowed"),
    (
        "ebftpd",
        "destination listens, TLS client",
        Step::Transfer,
        "STOR 425 Unable to open data connection: FXP upload from not allowed.",
    ),
    (
        "ebftpd",
        "source connects, TLS server",
        Step::Transfer,
        "RETR 425 Unable to open data connection: FXP download to not allowed.",
    ),
    ("wzdftpd", "source connects, TLS server", Step::Connect, "PORT 501 FXP not allowed"),
    (
        "ioftpd",
        "source connects, TLS server",
        Step::Connect,
        "PORT 501 Transfer to specified network address is not allowed",
    ),
    ("ioftpd", "destination listens, TLS client", Step::Transfer, "STOR 550 FXP to path is not allowed"),
    (
        "yatb",
        "destination listens, TLS client",
        Step::Transfer,
        "STOR 427 passive FXP fp: 00:11:22 - not allowed!",
    ),
    (
        "sftpgo",
        "source connects, TLS server",
        Step::Connect,
        "PORT 501 data connection to a foreign address is not allowed",
    ),
    ("iis", "source connects, TLS server", Step::Connect, "PORT 501 Server cannot accept argument."),
    (
        "serv-u",
        "source connects, TLS server",
        Step::Connect,
        "PORT 501 Cannot accept port command with foreign address",
    ),
    ("unknown", "source connects, TLS server", Step::Connect, "PORT 500 Illegal PORT command."),
    ("unknown", "destination listens, TLS client", Step::Transfer, "STOR 425 Foreign address not allowed."),
    // Session reuse, handshake, protection.
    (
        "proftpd",
        "destination listens, TLS server",
        Step::Transfer,
        "STOR 425 Unable to build data connection: Operation not permitted",
    ),
    (
        "proftpd",
        "destination listens, TLS client",
        Step::Transfer,
        "STOR 425 Unable to build data connection: Operation not permitted",
    ),
    (
        "vsftpd",
        "destination listens, TLS server",
        Step::Transfer,
        "STOR 522 SSL connection failed: session reuse required",
    ),
    (
        "filezilla",
        "destination listens, TLS server",
        Step::Transfer,
        "STOR 425 Unable to build data connection: TLS session of data connection not resumed.",
    ),
    (
        "filezilla",
        "destination listens, TLS server",
        Step::Transfer,
        "STOR 425 No or wrong ALPN on data connection",
    ),
    (
        "fxpd",
        "destination listens, TLS server",
        Step::Transfer,
        "STOR 522 the data connection must resume the TLS session of the control connection",
    ),
    ("unknown", "destination listens, TLS server", Step::Transfer, "STOR 522 session reuse required"),
    (
        "glftpd",
        "source listens, TLS client",
        Step::Transfer,
        "RETR 435 Failed TLS negotiation on data channel (SSL_accept(): (1) error), disconnected",
    ),
    ("vsftpd", "destination listens, clear", Step::Transfer, "STOR 522 Data connections must be encrypted."),
    ("ebftpd", "destination listens, clear", Step::Transfer, "STOR 522 TLS is enforced on FXP transfers."),
    ("drftpd", "destination listens, clear", Step::Transfer, "STOR 530 USE SECURE DATA CONNECTION"),
    ("yatb", "destination listens, clear", Step::Transfer, "STOR 427 Use SSL FXP!"),
    // The road.
    (
        "fxpd",
        "destination listens, TLS client",
        Step::Transfer,
        "STOR 425 no data connection with the other server (id 77aa01c3)",
    ),
    (
        "proftpd",
        "destination listens, TLS client",
        Step::Transfer,
        "STOR 425 Unable to build data connection: Connection timed out",
    ),
    ("vsftpd", "destination listens, TLS server", Step::Transfer, "STOR 425 Failed to establish connection."),
    (
        "pyftpdlib",
        "source connects, TLS server",
        Step::Connect,
        "PORT 425 Can't connect to specified address.",
    ),
    ("pureftpd", "destination listens, TLS server", Step::Transfer, ""),
    ("unknown", "destination listens, TLS client", Step::Transfer, "STOR 425 Can't open data connection."),
    ("vsftpd", "destination listens, TLS server", Step::Listen, "PASV address"),
    (
        "fxpd",
        "source connects, TLS server",
        Step::Transfer,
        "RETR 425 no data connection with the other server (id 12ab34cd)",
    ),
    // PEER.
    (
        "fxpd",
        "destination listens, TLS client",
        Step::Prepare,
        "PEER 534 no transfers with other servers for this user",
    ),
    ("vsftpd", "destination connects, TLS server", Step::Transfer, "STOR 522 SSL connection failed."),
    // What it does not know.
    ("unknown", "destination listens, TLS client", Step::Listen, "CPSV 502 Command not implemented."),
    (
        "drftpd",
        "destination listens, TLS client",
        Step::Listen,
        "CPSV 500 You need to use a client supporting PRET (PRE Transfer) to use PASV",
    ),
    // The control connection, time.
    ("proftpd", "source connects, TLS client", Step::Transfer, "lost"),
    ("vsftpd", "source connects, TLS server", Step::Transfer, "RETR 426 Failure writing network stream."),
    ("drftpd", "source connects, TLS server", Step::Transfer, "RETR 426 You are transferring too slow"),
    // The file.
    ("vsftpd", "destination listens, TLS server", Step::Transfer, "STOR 553 Could not create file."),
    ("proftpd", "source connects, TLS server", Step::Transfer, "RETR 550 f: No such file or directory"),
    (
        "pureftpd",
        "destination listens, TLS server",
        Step::Transfer,
        "STOR 552 Quota exceeded: [f] won't be saved",
    ),
    ("drftpd", "source connects, TLS server", Step::Transfer, "RETR 550 Not enough credits"),
    (
        "glftpd",
        "destination listens, TLS client",
        Step::Transfer,
        "STOR 550 You have reached your maximum simultaneous uploads",
    ),
];

/// Pairs for which no method is left: source, destination, and the words that change them; the flags.
const PAIRS: &[(&str, &str, &str)] = &[
    ("fxpd", "vsftpd", "--assurance mutual"),
    ("vsftpd", "fxpd", "--assurance confidential"),
    ("vsftpd", "pureftpd", ""),
    ("pyftpdlib", "pyftpdlib", ""),
    ("filezilla", "iis", ""),
    ("fxpd", "vsftpd reuse", ""),
    ("fxpd", "filezilla reuse", ""),
    ("proftpd reuse", "proftpd reuse", ""),
    ("vsftpd no-foreign-active", "proftpd no-foreign-active", ""),
    ("fxpd no-foreign-passive", "filezilla no-foreign-passive", ""),
    ("proftpd clear", "fxpd", ""),
    ("proftpd clear", "fxpd clear", "--secure require"),
    ("fxpd", "fxpd v6", ""),
    ("fxpd v6", "fxpd v6", "--method cpsv"),
    ("fxpd", "vsftpd", "--tls-client destination"),
    ("fxpd never-passive", "fxpd never-passive", ""),
    ("fxpd never-passive", "fxpd no-foreign-passive", ""),
];

fn policy(flags: &str) -> Policy {
    let policy = Policy::default();
    match flags {
        "" => policy,
        "--secure require" => Policy { secure: Secure::Require, ..policy },
        "--method cpsv" => Policy { method: MethodChoice::Cpsv, ..policy },
        "--assurance mutual" => Policy { assurance: AssuranceChoice::Mutual, ..policy },
        "--assurance confidential" => Policy { assurance: AssuranceChoice::Confidential, ..policy },
        "--tls-client destination" => Policy { tls_client: EndChoice::Destination, ..policy },
        other => panic!("{other}?"),
    }
}

#[test]
fn explanations_are_as_written() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/explanations.md");
    let page = page();
    if std::env::var_os("FXP_UPDATE").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let expected = std::fs::read_to_string(&path).expect("docs/explanations.md");
    for (number, (is, was)) in page.lines().zip(expected.lines()).enumerate() {
        assert_eq!(is, was, "docs/explanations.md, line {}", number + 1);
    }
    assert_eq!(page.len(), expected.len());
}

/// Every product of the table is explained.
#[test]
fn no_product_is_left_out() {
    let page = page();
    for product in fxp_engine::product::PRODUCTS {
        let known = product.allow_active.setting().or(product.allow_passive.setting());
        if let Some(setting) = known {
            assert!(page.contains(setting), "{} is not explained", product.name);
        }
    }
}

fn page() -> String {
    let mut page = String::from(HEAD);
    for (class, heading) in CLASSES {
        let _ = write!(page, "\n## {heading}\n");
        for row in ROWS {
            let case = Case::of(row);
            if case.failure.class == *class {
                let _ =
                    write!(page, "\n### {}\n\n```text\n{}\n```\n", case.heading(row), shown(case.trouble()));
            }
        }
    }
    let _ = write!(page, "\n## No method is left\n\n{WORDS}\n");
    for (source, destination, flags) in PAIRS {
        let (from, to) = (end(source), end(destination));
        let products = Products { source: from.1, destination: to.1 };
        let ladder = ladder(&from.0, &to.0, &policy(flags));
        assert!(ladder.rungs.is_empty(), "{source} > {destination}");
        let trouble = explain::impossible(Pair { name: NAME, products: &products, ladder: &ladder });
        let flags = if flags.is_empty() { String::new() } else { format!(", {flags}") };
        let heading = format!("{source} to {destination}{flags}");
        let _ = write!(page, "\n### {heading}\n\n```text\n{}\n```\n", shown(trouble));
    }
    page
}

/// A refusal between two servers, the other one of which is fxpd.
struct Case {
    products: Products,
    ladder: Ladder,
    rung: Rung,
    failure: Failure,
}

impl Case {
    fn of((server, roles, step, said): &Row) -> Self {
        let leg = if roles.starts_with("source") { Leg::Source } else { Leg::Destination };
        let ((refusing, product), (other, partner)) = (end(server), end("fxpd"));
        let clear = roles.ends_with("clear");
        let policy =
            Policy { secure: if clear { Secure::Off } else { Secure::Default }, ..Policy::default() };
        let (ladder, products) = match leg {
            Leg::Source => {
                (ladder(&refusing, &other, &policy), Products { source: product, destination: partner })
            }
            Leg::Destination => {
                (ladder(&other, &refusing, &policy), Products { source: partner, destination: product })
            }
        };
        let passive = if roles.contains("listens") { leg } else { leg.other() };
        let client = if roles.ends_with("TLS client") { leg } else { leg.other() };
        let fits = |rung: &&Rung| {
            rung.method.passive == passive && rung.method.tls.is_none_or(|tls| tls.client == client)
        };
        let rung =
            ladder.rungs.iter().find(fits).unwrap_or_else(|| panic!("{server} {roles}\n{ladder}")).clone();
        Case { products, rung, ladder, failure: failure(leg, *step, said) }
    }

    fn heading(&self, (_, roles, _, said): &Row) -> String {
        let name = self
            .products
            .of(self.failure.leg)
            .map_or("a server that does not say what it is", |product| product.name);
        let silent =
            if self.failure.reply.is_none() && !said.starts_with("PASV") { ", and says nothing" } else { "" };
        let verb = self.failure.verb.map(|verb| format!(", {}", verb.name())).unwrap_or_default();
        format!("{name}: the {roles}{verb}{silent}")
    }

    fn trouble(&self) -> Trouble {
        if explain::is_about_the_file(&self.failure) {
            return explain::of_file(&self.rung, &self.failure, &self.products);
        }
        let pair = Pair { name: NAME, products: &self.products, ladder: &self.ladder };
        let failures = [(self.rung.clone(), self.failure.clone())];
        explain::refused(pair, &failures).expect("one rung was tried")
    }
}

fn failure(leg: Leg, step: Step, said: &str) -> Failure {
    let silent = |class| Failure { leg, step, verb: None, reply: None, other: None, class };
    match said {
        "" => silent(Refusal::TimedOut),
        "lost" => silent(Refusal::Lost),
        "PASV address" => {
            let reply = Reply::new(227, "Entering Passive Mode (127,0,0,1,195,80).");
            Failure { reply: Some(reply), ..silent(Refusal::Address) }
        }
        said => {
            let (verb, words) = said.split_once(' ').expect("a verb and words");
            let verb = Verb::parse(verb.as_bytes());
            let reply = ReplyParser::default().line(words.as_bytes()).expect("a reply").expect("a whole one");
            let class = classify(step, verb, None, &reply);
            Failure { verb, reply: Some(reply), ..silent(class) }
        }
    }
}

/// A server by the name of its fixture and words for what is different about it.
fn end(text: &str) -> (End, Option<&'static Product>) {
    let mut words = text.split(' ');
    let name = words.next().expect("a name");
    let (greeting, features) = match GREETINGS.iter().find(|(known, ..)| *known == name) {
        Some((_, greeting, features)) => ((*greeting).to_owned(), features.iter().copied().collect()),
        None => fixture(name),
    };
    let product = Product::recognise(&greeting, "UNIX Type: L8", &features);
    assert_eq!(product.is_none(), name == "unknown", "{name} is not recognised");
    let mut end = End::offering(&features, Family::V4, product);
    for word in words {
        match word {
            "reuse" => end.known.demands_reuse = true,
            "clear" => end.secured = false,
            "v6" => end.family = Family::V6,
            "no-foreign-active" => end.known.no_foreign_active = true,
            "no-foreign-passive" => end.known.no_foreign_passive = true,
            "never-passive" => end.passive = Some(false),
            other => panic!("{other}?"),
        }
    }
    (end, product)
}

/// Greeting and FEAT of a server that was met.
fn fixture(name: &str) -> (String, Features) {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../../crates/engine/tests/feat/{name}.txt"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (greeting, lines) = text.split_once('\n').expect("a greeting");
    (greeting.to_owned(), lines.lines().map(|line| Text::new(line).expect("a line")).collect())
}

/// As the program prints it, without colours.
fn shown(trouble: Trouble) -> String {
    anstream::adapter::strip_str(&failure_text(&Shown::from(trouble))).to_string()
}

const NAME: &str = "work:/f to archive:/f";

/// Greeting and the part of FEAT that matters of servers of which no whole FEAT is at hand.
const GREETINGS: &[(&str, &str, &[&str])] = &[
    ("ebftpd", "ebftpd ready", &["CPSV", "SSCN"]),
    ("ioftpd", "ioFTPD [version 7.7.3] ready", &["CPSV", "SSCN"]),
    ("yatb", "yatb ready", &["CPSV", "SSCN"]),
    ("sftpgo", "SFTPGo ready", &[]),
    ("iis", "Microsoft FTP Service", &[]),
    ("serv-u", "Serv-U FTP Server v15.4 ready...", &["SSCN"]),
    ("unknown", "Welcome", &["CPSV", "SSCN"]),
];

const CLASSES: &[(Refusal, &str)] = &[
    (Refusal::Policy, "The other server's address is not allowed"),
    (Refusal::Proof, "The server does not let itself be introduced"),
    (Refusal::TlsRole, "TLS between the servers, or data in clear"),
    (Refusal::Connectivity, "The servers do not reach each other"),
    (Refusal::Address, "The announced address leads nowhere"),
    (Refusal::Unsupported, "The server does not know the command"),
    (Refusal::Lost, "The control connection was lost"),
    (Refusal::TimedOut, "The server says nothing"),
    (Refusal::Transient, "Not this time"),
    (Refusal::Path, "The file"),
    (Refusal::Space, "No room"),
    (Refusal::Login, "Too many sessions"),
];

const WORDS: &str = "`clear`: its control connection is not TLS. `v6`: it is reached by IPv6. `never-passive`: its site entry says so.
The others were learned in earlier copies. `reuse`: it demands that data connections resume its client's TLS session.
`no-foreign-active`, `no-foreign-passive`: it refuses other servers where it connects, where it listens.";

const HEAD: &str = "# What fxp says when two servers cannot be joined

For every kind of refusal and every server product: what `fxp cp` prints when the only method that it could try is
refused in these words. The other server is an `fxpd`. The line `source` or `destination` is the server's own words,
`tried` the method and what it failed at, `hint` what to change, and where.
How exactly Serv-U, SFTPGo and glFTPd refuse a `PORT` is not known to us; their words here are of that kind.

This page is made by a test from what the program prints, so it is always true.
";

#[test]
fn every_row_is_shown() {
    let listed = |row: &Row| CLASSES.iter().any(|(class, _)| *class == Case::of(row).failure.class);
    let missing: Vec<_> = ROWS.iter().filter(|row| !listed(row)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
