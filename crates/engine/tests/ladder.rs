//! The ladder for pairs of real servers, against the table of first choices, and as a whole against
//! `ladders.txt`. `FXP_UPDATE=1 cargo test -p fxp-engine --test ladder` writes that file anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use fxp_engine::plan::ladder::{End, Ladder, Peer, Policy, Rung, Why, ladder};
use fxp_engine::policy::{AssuranceChoice, EndChoice, MethodChoice, Secure};
use fxp_engine::product::Product;
use fxp_engine::report::Assurance;
use fxp_proto::grammar::addr::Family;
use fxp_proto::grammar::feat::Features;
use fxp_proto::pair::leg::Leg;
use fxp_proto::wire::text::Text;

const SERVERS: [&str; 9] =
    ["drftpd", "filezilla", "fxpd", "glftpd", "proftpd", "pureftpd", "pyftpdlib", "vsftpd", "wzdftpd"];

#[test]
fn the_first_choice_is_the_tables() {
    // source > destination | passive | TLS client | source leg | destination leg | assurance
    let table = "
        proftpd > proftpd               | dst | dst | SSCN OFF, PORT | SSCN ON, PASV
        proftpd > vsftpd                | dst | src | SSCN ON, PORT  | PASV
        vsftpd > proftpd                | dst | dst | PORT           | SSCN ON, PASV
        wzdftpd > proftpd               | dst | dst | SSCN OFF, PORT | SSCN ON, PASV
        glftpd > proftpd                | dst | dst | SSCN OFF, PORT | SSCN ON, PASV
        proftpd > wzdftpd               | dst | dst | SSCN OFF, PORT | SSCN OFF, CPSV
        proftpd > glftpd                | dst | dst | SSCN OFF, PORT | SSCN OFF, CPSV
        drftpd > drftpd                 | dst | dst | SSCN OFF, PORT | SSCN OFF, PRET STOR, CPSV
        drftpd > vsftpd                 | dst | src | SSCN ON, PORT  | PASV
        wzdftpd > pureftpd              | dst | src | SSCN ON, PORT  | PRET STOR, PASV
        proftpd (reuse) > wzdftpd       | dst | src | SSCN ON, PORT  | SSCN OFF, PASV
        fxpd > fxpd                     | dst | dst | SSCN OFF, PEER KEY, PORT    | SSCN OFF, PEER KEY, CPSV    | mutual
        fxpd > fxpd (unreachable)       | src | dst | SSCN OFF, PEER KEY, PASV    | SSCN ON, PEER KEY, PORT     | mutual
        fxpd (v6) > fxpd (v6)           | dst | dst | SSCN OFF, PEER KEY, EPRT    | SSCN ON, CEPR ON, PEER KEY, EPSV | mutual
        fxpd > proftpd                  | src | src | SSCN OFF, PEER EXPECT, CPSV | SSCN OFF, PORT              | confidential
        fxpd (v6) > proftpd (v6)        | src | src | SSCN ON, PEER EXPECT, CEPR ON, EPSV | SSCN OFF, EPRT      | confidential
        proftpd > fxpd                  | dst | dst | SSCN OFF, PORT              | SSCN OFF, PEER EXPECT, CPSV | authentic
        fxpd > vsftpd                   | src | src | SSCN OFF, PEER EXPECT, CPSV | PORT                        | confidential
        pyftpdlib > fxpd                | dst | dst | PORT                        | SSCN OFF, PEER EXPECT, CPSV | authentic
        fxpd > proftpd (reuse)          | src | dst | SSCN OFF, PEER EXPECT, PASV | SSCN ON, PORT               | confidential
        proftpd > fxpd (failed-as-client) | dst | src | SSCN ON, PORT             | SSCN OFF, PEER EXPECT, PASV | authentic
        fxpd > fxpd (expect-only)       | src | src | SSCN OFF, PEER EXPECT, CPSV | SSCN OFF, PORT              | confidential
        fxpd (expect-only) > fxpd (uncertified) | dst | dst | SSCN OFF, PORT      | SSCN OFF, PEER EXPECT, CPSV | authentic
        vsftpd > pureftpd               | impossible
        fxpd > vsftpd (reuse)           | impossible
        proftpd (reuse) > proftpd (reuse) | impossible
    ";
    for row in table.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let (pair, expected) = row.split_once('|').expect("a pair");
        let (source, destination) = pair.split_once('>').expect("a pair");
        let ladder = ladder(&named(source), &named(destination), &Policy::default());
        let expected: Vec<&str> = expected.split('|').map(str::trim).collect();
        let first = first_row(&ladder);
        // Without PEER nothing is better than `encrypted`, and the column is left out.
        let first =
            if expected.len() == 4 { first.strip_suffix(&["encrypted"]).expect("encrypted") } else { &first };
        assert_eq!(first, expected, "{pair}\n{ladder}");
    }
}

#[test]
fn policies_strike_out_what_they_forbid() {
    let secure = |secure| Policy { secure, ..Policy::default() };
    let passive = |passive| Policy { passive, ..Policy::default() };
    let client = |tls_client| Policy { tls_client, ..Policy::default() };
    let method = |method| Policy { method, ..Policy::default() };
    // source, destination, policy, what is left: passive end and TLS client (or - in clear) and verb
    let rows: &[(&str, &str, Policy, &str)] = &[
        ("proftpd", "proftpd", Policy::default(), "dst/dst src/dst dst/src src/src"),
        ("proftpd", "proftpd", secure(Secure::Require), "dst/dst src/dst dst/src src/src"),
        ("proftpd", "proftpd", secure(Secure::Prefer), "dst/dst src/dst dst/src src/src dst/- src/-"),
        ("proftpd", "proftpd", secure(Secure::Off), "dst/- src/-"),
        ("vsftpd", "pureftpd", secure(Secure::Prefer), "dst/- src/-"),
        ("vsftpd clear", "vsftpd clear", Policy::default(), "dst/- src/-"),
        ("vsftpd clear", "vsftpd clear", secure(Secure::Require), ""),
        ("proftpd clear", "proftpd", Policy::default(), ""),
        ("proftpd clear", "proftpd", secure(Secure::Prefer), "dst/- src/-"),
        ("proftpd", "proftpd", passive(EndChoice::Source), "src/dst src/src"),
        ("proftpd", "proftpd", passive(EndChoice::Destination), "dst/dst dst/src"),
        ("proftpd", "proftpd", client(EndChoice::Source), "dst/src src/src"),
        ("proftpd", "vsftpd", client(EndChoice::Destination), ""),
        (
            "proftpd",
            "proftpd",
            Policy { tls_client: EndChoice::Source, ..passive(EndChoice::Source) },
            "src/src",
        ),
        ("vsftpd clear", "vsftpd clear", client(EndChoice::Source), "dst/- src/-"),
        ("wzdftpd", "wzdftpd", method(MethodChoice::Cpsv), "dst/dst src/src"),
        ("wzdftpd", "wzdftpd", method(MethodChoice::Sscn), "dst/dst src/dst dst/src src/src"),
        ("wzdftpd", "wzdftpd", method(MethodChoice::Auto), "dst/dst dst/dst src/dst dst/src src/src src/src"),
        // A named method is no leave to lower the protection.
        ("proftpd", "proftpd", method(MethodChoice::Plain), ""),
        (
            "proftpd",
            "proftpd",
            Policy { secure: Secure::Off, method: MethodChoice::Plain, ..Policy::default() },
            "dst/- src/-",
        ),
        ("proftpd", "proftpd", method(MethodChoice::Cpsv), ""),
        // IPv6: no CPSV.
        ("wzdftpd v6", "wzdftpd v6", Policy::default(), "dst/dst src/dst dst/src src/src"),
        ("fxpd v6", "fxpd v6", method(MethodChoice::Cpsv), ""),
        ("proftpd", "proftpd v6", Policy::default(), ""),
        ("proftpd", "proftpd v6", secure(Secure::Off), ""),
        // Learned facts and site entries.
        ("proftpd", "proftpd unreachable", Policy::default(), "src/dst dst/dst src/src dst/src"),
        ("proftpd", "proftpd failed-as-client", Policy::default(), "dst/src src/src dst/dst src/dst"),
        ("proftpd", "proftpd never-passive", Policy::default(), "src/dst src/src"),
        ("proftpd", "proftpd never-passive", passive(EndChoice::Destination), "dst/dst dst/src"),
        ("proftpd always-passive", "proftpd", Policy::default(), "src/dst src/src"),
        ("proftpd always-passive", "proftpd always-passive", Policy::default(), ""),
        ("proftpd", "proftpd no-foreign-passive", Policy::default(), "src/dst src/src"),
        ("proftpd no-foreign-active", "proftpd", Policy::default(), "src/dst src/src"),
        ("proftpd no-foreign-active", "proftpd no-foreign-active", Policy::default(), ""),
        ("proftpd reuse", "fxpd", Policy::default(), "dst/src src/src"),
    ];
    for (source, destination, policy, expected) in rows {
        let (source_end, destination_end) = (named(source), named(destination));
        let ladder = ladder(&source_end, &destination_end, policy);
        let left: Vec<String> = ladder
            .rungs
            .iter()
            .map(|rung| {
                let client = rung.method.tls.map_or("-", |part| word(part.client));
                format!("{}/{client}", word(rung.method.passive))
            })
            .collect();
        assert_eq!(left.join(" "), *expected, "{source} > {destination}, {policy:?}\n{ladder}");
        assert_eq!(ladder.rungs.len() + ladder.struck.len(), 8, "every combination is judged once");
    }
}

#[test]
fn every_rung_keeps_the_proof_of_the_first() {
    for secure in [Secure::Default, Secure::Require, Secure::Prefer] {
        for (source, destination) in [("fxpd", "fxpd"), ("fxpd", "vsftpd"), ("wzdftpd", "fxpd")] {
            for learned in
                ["", " reuse no-foreign-active", " no-foreign-passive failed-as-client unreachable"]
            {
                let ends = [source, destination].map(|server| named(&format!("{server}{learned}")));
                let fresh = ladder(&named(source), &named(destination), &Policy::default()).rungs[0].peer;
                let ladder = ladder(&ends[0], &ends[1], &Policy { secure, ..Policy::default() });
                assert_ne!(fresh, Peer::None);
                // Nor does what was learned make room for less: somebody else may have brought it about.
                assert!(
                    ladder.rungs.iter().all(|rung| rung.peer == fresh),
                    "{source} > {destination}\n{ladder}"
                );
            }
        }
    }
    // Where no proof can be had, clear data is what `--secure prefer` says it is.
    let prefer = Policy { secure: Secure::Prefer, ..Policy::default() };
    assert!(
        ladder(&named("fxpd clear"), &named("fxpd"), &prefer)
            .rungs
            .iter()
            .all(|rung| rung.peer == Peer::None)
    );
    let off = Policy { secure: Secure::Off, ..Policy::default() };
    assert_eq!(ladder(&named("fxpd"), &named("fxpd"), &off).rungs.len(), 2);
}

#[test]
fn a_named_assurance_is_the_least_and_is_enough() {
    use AssuranceChoice::{Authentic, Best, Confidential, Encrypted, Mutual};
    // source, destination, what was named, the assurances of the rungs in their order, each once; or why there is none
    let rows = [
        ("fxpd", "fxpd", Best, "mutual"),
        ("fxpd", "fxpd", Mutual, "mutual"),
        ("fxpd", "fxpd", Confidential, "mutual"),
        ("fxpd", "fxpd", Authentic, "mutual"),
        ("fxpd", "fxpd", Encrypted, "mutual encrypted"),
        ("fxpd", "vsftpd", Best, "confidential"),
        ("fxpd", "vsftpd", Confidential, "confidential"),
        ("fxpd", "vsftpd", Encrypted, "confidential encrypted"),
        (
            "fxpd",
            "vsftpd",
            Mutual,
            "--assurance mutual is out of reach: the destination does not offer PEER KEY",
        ),
        (
            "fxpd",
            "vsftpd",
            Authentic,
            "--assurance authentic is out of reach: the destination does not offer PEER",
        ),
        ("proftpd", "fxpd", Authentic, "authentic"),
        (
            "proftpd",
            "fxpd",
            Confidential,
            "--assurance confidential is out of reach: the source does not offer PEER",
        ),
        ("proftpd", "proftpd", Best, "encrypted"),
        ("proftpd", "proftpd", Encrypted, "encrypted"),
        ("proftpd", "proftpd", Mutual, "--assurance mutual is out of reach: neither server offers PEER KEY"),
        ("fxpd clear", "fxpd", Mutual, "the source's control connection is in clear"),
        ("vsftpd clear", "vsftpd clear", Best, "clear"),
        ("vsftpd clear", "vsftpd clear", Encrypted, "the source's control connection is in clear"),
    ];
    for (source, destination, assurance, expected) in rows {
        for secure in [Secure::Default, Secure::Prefer] {
            let ladder = ladder(
                &named(source),
                &named(destination),
                &Policy { assurance, secure, ..Policy::default() },
            );
            let mut found: Vec<&str> = ladder.rungs.iter().map(self::assurance).collect();
            found.dedup();
            let why = ladder.why_impossible();
            // With `prefer` and nothing named, clear data may come last where there is no proof to be lost.
            let clear = secure == Secure::Prefer && found.last() == Some(&"clear") && expected == "encrypted";
            let found = if clear { found[..found.len() - 1].join(" ") } else { found.join(" ") };
            match found.is_empty() {
                false => assert_eq!(found, expected, "{source} > {destination}, {assurance:?}\n{ladder}"),
                true => assert!(why.contains(expected), "{source} > {destination}, {assurance:?}: {why}"),
            }
        }
    }
    let off = Policy { secure: Secure::Off, assurance: Encrypted, ..Policy::default() };
    assert!(ladder(&named("fxpd"), &named("fxpd"), &off).why_impossible().contains("forbids clear data"));
}

#[test]
fn an_impossible_pair_says_why_in_one_sentence() {
    let rows: &[(&str, &str, Policy, &str)] = &[
        ("vsftpd", "pureftpd", Policy::default(), "neither server offers CPSV or SSCN"),
        ("fxpd", "vsftpd reuse", Policy::default(), "the destination demands that data connections resume"),
        ("proftpd", "proftpd v6", Policy::default(), "one server is reached by IPv4 and the other by IPv6"),
        ("proftpd clear", "proftpd", Policy::default(), "the source's control connection is in clear"),
        (
            "proftpd",
            "proftpd",
            Policy { method: MethodChoice::Plain, ..Policy::default() },
            "clear data is forbidden because the source's control connection is TLS",
        ),
    ];
    for (source, destination, policy, expected) in rows {
        let ladder = ladder(&named(source), &named(destination), policy);
        assert!(ladder.rungs.is_empty());
        let why = ladder.why_impossible();
        assert!(why.contains(expected), "{source} > {destination}: {why}");
    }
}

#[test]
fn what_was_learned_can_be_told_from_what_is_certain() {
    let with_reuse = ladder(&named("fxpd"), &named("vsftpd reuse"), &Policy::default());
    assert!(with_reuse.learned_objections());
    assert!(with_reuse.reasons().contains(&Why::DemandsReuse(Leg::Destination)));
    assert!(!ladder(&named("vsftpd"), &named("pureftpd"), &Policy::default()).learned_objections());
}

#[test]
fn products_that_are_always_tls_server_offer_no_client_role() {
    for server in SERVERS {
        let (product, features) = fixture(server);
        let product = product.unwrap_or_else(|| panic!("{server} is not recognised"));
        let end = End::offering(&features, Family::V4, Some(product));
        assert_eq!(product.tls_server_only, !end.sscn && !end.cpsv, "{server}");
    }
}

#[test]
fn the_ladders_of_all_pairs_are_as_printed() {
    let mut printed = String::new();
    for source in SERVERS {
        for destination in SERVERS {
            let ladder = ladder(&named(source), &named(destination), &Policy::default());
            let _ = write!(printed, "{source} > {destination}\n{ladder}\n");
        }
    }
    let path = folder().join("ladders.txt");
    if std::env::var_os("FXP_UPDATE").is_some() {
        std::fs::write(&path, &printed).expect("written");
    }
    let expected = std::fs::read_to_string(&path).expect("tests/ladders.txt");
    for (line, (is, was)) in printed.lines().zip(expected.lines()).enumerate() {
        assert_eq!(is, was, "ladders.txt line {}", line + 1);
    }
    assert_eq!(printed, expected);
}

/// A server by the name of its fixture and words for what is different about it.
fn named(text: &str) -> End {
    let mut words = text.split([' ', '(', ')']).filter(|word| !word.is_empty());
    let (product, features) = fixture(words.next().expect("a server"));
    let mut end = End::offering(&features, Family::V4, product);
    for word in words {
        match word {
            "reuse" => end.known.demands_reuse = true,
            "clear" => (end.secured, end.certified) = (false, false),
            "uncertified" => end.certified = false,
            "expect-only" => end.peer_key = false,
            "v6" => end.family = Family::V6,
            "failed-as-client" => end.failed_as_client = true,
            "unreachable" => end.known.unreachable = true,
            "never-passive" => end.passive = Some(false),
            "always-passive" => end.passive = Some(true),
            "no-foreign-passive" => end.known.no_foreign_passive = true,
            "no-foreign-active" => end.known.no_foreign_active = true,
            other => panic!("{other}?"),
        }
    }
    end
}

/// The greeting and FEAT of a server.
fn fixture(server: &str) -> (Option<&'static Product>, Features) {
    let path = folder().join(format!("feat/{server}.txt"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (greeting, lines) = text.split_once('\n').expect("a greeting");
    let features: Features = lines.lines().map(|line| Text::new(line).expect("a line")).collect();
    (Product::recognise(greeting, "UNIX Type: L8", &features), features)
}

/// Passive end, TLS client, source leg, destination leg, assurance of the first rung.
fn first_row(ladder: &Ladder) -> Vec<&str> {
    match ladder.rungs.first() {
        None => vec!["impossible"],
        Some(rung) => vec![
            word(rung.method.passive),
            rung.method.tls.map_or("none", |part| word(part.client)),
            &rung.source,
            &rung.destination,
            assurance(rung),
        ],
    }
}

fn assurance(rung: &Rung) -> &'static str {
    match rung.assurance {
        Assurance::Mutual => "mutual",
        Assurance::Confidential => "confidential",
        Assurance::Authentic => "authentic",
        Assurance::Encrypted => "encrypted",
        Assurance::Clear => "clear",
        Assurance::Relay | Assurance::Unknown => panic!("no rung is that: {rung}"),
    }
}

fn word(leg: Leg) -> &'static str {
    match leg {
        Leg::Source => "src",
        Leg::Destination => "dst",
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}
