//! The policy as a table: rules, then one line per data connection and the answer to it.

use std::net::SocketAddr;

use super::*;
use crate::config::Config;

/// A line is `CLIENT [clear|key|pin|itself|from=IP].. active|passive PEER [list | in PATH | out PATH] => ANSWER`.
/// `itself`: a key, and the port is one of ours that awaits it.
/// The answer to a yes may leave out why: `foreign` or `foreign by Rule(0)`.
/// Without an intent it is the question at the address command. The user is alice, guests are `guest@CLIENT`,
/// and `homebody@CLIENT` has `may_fxp = false`.
/// Own addresses are loopback, 9.9.9.9 and 10.0.0.1; ftp.example.org is 8.8.8.8, dark.example.org has no address.
#[track_caller]
fn check(rules: &str, rows: &str) {
    let config = Config::parse(rules).unwrap();
    let names = BTreeMap::from([("ftp.example.org".to_owned(), vec!["8.8.8.8".parse().unwrap()])]);
    let book = Rulebook { rules: &config.fxp.rules, allowances: config.fxp.allowances, names: &names };
    for row in rows.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let (question, expected) = row.split_once("=>").unwrap();
        let answer = match judge_row(book, question) {
            Verdict::Allow(Relation::ControlPeer, ground) => format!("client by {ground:?}"),
            Verdict::Allow(Relation::Foreign, ground) => format!("foreign by {ground:?}"),
            Verdict::Maybe => "maybe".to_owned(),
            Verdict::Deny(reason) => format!("{reason:?}"),
        };
        let expected = expected.trim();
        let fits = answer == expected || answer.starts_with(&format!("{expected} by "));
        assert!(fits, "{row}: {answer}");
    }
}

fn judge_row(book: Rulebook<'_>, question: &str) -> Verdict {
    let mut words = question.split_whitespace().peekable();
    let who = words.next().unwrap();
    let (who, client) = who.split_once('@').unwrap_or(("alice", who));
    let anonymous = who == "guest";
    let (mut clear, mut proof, mut meets_itself, mut from) = (false, Proof::None, false, Vec::new());
    let active = loop {
        match words.next().expect("active or passive") {
            "clear" => clear = true,
            "key" => proof = Proof::Key,
            "pin" => proof = Proof::Pin,
            "itself" => (proof, meets_itself) = (Proof::Key, true),
            word if word.starts_with("from=") => from.push(word[5..].parse::<IpAddr>().unwrap()),
            word => break word == "active",
        }
    };
    let peer = words.next().unwrap();
    let address: Option<SocketAddr> = (peer != "?").then(|| {
        peer.parse()
            .unwrap_or_else(|_| SocketAddr::new(peer.parse().unwrap_or_else(|_| panic!("{peer}")), 50000))
    });
    let way = if active { Way::Active(address.unwrap().port()) } else { Way::Passive };
    let (intent, path) = (words.next(), VPath::parse(words.next().unwrap_or("/").as_bytes()).unwrap());
    let user = Text::from(if anonymous { "anonymous" } else { "alice" });
    let facts = Facts {
        client: host(client.parse().unwrap()),
        user: &user,
        anonymous,
        may_fxp: who != "homebody",
        way,
        peer: address.map(|address| host(address.ip())),
        intent: intent.map(|word| match word {
            "list" => Intent::Listing,
            "in" => Intent::In(&path),
            _ => Intent::Out(&path),
        }),
        proof,
        from: &from,
        meets_itself,
        protection: if clear { Protection::Clear } else { Protection::Private },
    };
    judge(book, &facts)
}

fn host(ip: IpAddr) -> Host {
    let ip = ip.to_canonical();
    let own =
        ip.is_loopback() || ["9.9.9.9", "10.0.0.1"].iter().any(|own| ip == own.parse::<IpAddr>().unwrap());
    Host { ip, scope: Scope::of(ip), own }
}

#[test]
fn without_rules_there_is_only_the_client() {
    check(
        "",
        "
        1.1.1.1 passive ?                                => maybe
        1.1.1.1 passive ? in /x                          => maybe
        1.1.1.1 passive 1.1.1.1 in /x                    => client
        1.1.1.1 passive 1.1.1.1:20 in /x                 => client
        1.1.1.1 passive 1.1.1.1 list                     => client
        1.1.1.1 passive 8.8.8.8 in /x                    => NoRule
        1.1.1.1 passive 8.8.8.8 list                     => Listing
        1.1.1.1 active 1.1.1.1:50000                     => maybe
        1.1.1.1 active 1.1.1.1:50000 out /x              => client
        1.1.1.1 clear active 1.1.1.1:50000 out /x        => client
        1.1.1.1 active 1.1.1.1:50000 list                => client
        1.1.1.1 active [::ffff:1.1.1.1]:50000 out /x     => client
        ::ffff:1.1.1.1 active 1.1.1.1:50000 out /x       => client
        1.1.1.1 active 1.1.1.1:1023                      => NeverPort
        1.1.1.1 active 1.1.1.1:22 list                   => NeverPort
        1.1.1.1 active 1.1.1.1:6379 out /x               => NeverPort
        1.1.1.1 active 1.1.1.1:1024 out /x               => client
        1.1.1.1 active 8.8.8.8:50000                     => NoRule
        1.1.1.1 active 8.8.8.8:50000 out /x              => NoRule
        100.64.3.3 active 100.64.3.3:50000 out /x        => client
        127.0.0.1 active 127.0.0.1:50000 out /x          => client
        9.9.9.9 active 9.9.9.9:50000 out /x              => client
        guest@1.1.1.1 active 1.1.1.1:50000 out /x        => client
        guest@1.1.1.1 passive 1.1.1.1 list               => client
        2a00::1 active [2a00::1]:50000 out /x            => client
        2a00::1 active [2a00::2]:50000 out /x            => NoRule
        ",
    );
}

#[test]
fn the_never_list_is_lifted_by_name_only() {
    let never = "
        1.1.1.1 passive 0.0.0.0 in /x                    => NeverAddress
        1.1.1.1 passive 0.1.2.3 in /x                    => NeverAddress
        1.1.1.1 passive 100.64.0.1 in /x                 => NeverAddress
        1.1.1.1 passive 169.254.169.254 in /x            => NeverAddress
        1.1.1.1 passive 192.0.0.8 in /x                  => NeverAddress
        1.1.1.1 passive 192.0.2.8 in /x                  => NeverAddress
        1.1.1.1 passive 198.18.0.1 in /x                 => NeverAddress
        1.1.1.1 passive 198.19.255.255 in /x             => NeverAddress
        1.1.1.1 passive 198.51.100.1 in /x               => NeverAddress
        1.1.1.1 passive 203.0.113.1 in /x                => NeverAddress
        1.1.1.1 passive 224.0.0.1 in /x                  => NeverAddress
        1.1.1.1 passive 255.255.255.255 in /x            => NeverAddress
        1.1.1.1 active 192.0.2.8:50000 in /x             => NeverAddress
        1.1.1.1 active 192.0.2.8:50000                   => NeverAddress
        1.1.1.1 passive ::ffff:169.254.169.254 in /x     => NeverAddress
        1.1.1.1 passive ::169.254.169.254 in /x          => NeverAddress
        1.1.1.1 passive ::8.8.8.8 in /x                  => NeverAddress
        1.1.1.1 passive ::ffff:0:8.8.8.8 in /x           => NeverAddress
        1.1.1.1 passive :: in /x                         => NeverAddress
        1.1.1.1 passive 64:ff9b::8.8.8.8 in /x           => NeverAddress
        1.1.1.1 passive 64:ff9b:1::1 in /x               => NeverAddress
        1.1.1.1 passive 100::1 in /x                     => NeverAddress
        1.1.1.1 passive 2001::1 in /x                    => NeverAddress
        1.1.1.1 passive 2001:db8::1 in /x                => NeverAddress
        1.1.1.1 passive 2002:808:808::1 in /x            => NeverAddress
        1.1.1.1 passive 3fff::1 in /x                    => NeverAddress
        1.1.1.1 passive fe80::1 in /x                    => NeverAddress
        1.1.1.1 passive fec0::1 in /x                    => NeverAddress
        1.1.1.1 passive ff02::1 in /x                    => NeverAddress
        1.1.1.1 active [fe80::1]:50000                   => Scope
        1.1.1.1 active 169.254.169.254:50000             => Scope
        10.2.2.2 active 169.254.169.254:50000            => NeverAddress
    ";
    check("", never);
    check("[[fxp.rule]]\naction = \"allow\"", never);
    check("[[fxp.rule]]\naction = \"allow\"\npeer = [\"0.0.0.0/0\", \"::/0\"]", never);
    check(
        "[[fxp.rule]]\naction = \"allow\"\npeer = [\"192.0.2.0/24\", \"198.18.3.3\", \"2001:db8:5::/48\", \"192.0.0.0/8\"]",
        "
        1.1.1.1 passive 192.0.2.8 in /x                  => foreign
        1.1.1.1 active 192.0.2.8:50000 in /x             => foreign
        1.1.1.1 passive 198.18.3.3 in /x                 => foreign
        1.1.1.1 passive 198.18.3.4 in /x                 => NeverAddress
        1.1.1.1 passive 2001:db8:5::1 in /x              => foreign
        1.1.1.1 passive 2001:db8:6::1 in /x              => NeverAddress
        1.1.1.1 passive 192.0.0.8 in /x                  => NeverAddress
        1.1.1.1 passive 192.1.1.1 in /x                  => foreign
        ",
    );
}

#[test]
fn ports_need_a_rule_that_names_them() {
    check(
        "[[fxp.rule]]\naction = \"allow\"\npeer = \"8.8.8.0/24\"
         [[fxp.rule]]\naction = \"allow\"\npeer = \"8.8.4.4\"\nports = [\"20\", \"8080-8090\"]
         [[fxp.rule]]\naction = \"allow\"\npeer = \"1.1.1.1\"\nports = \"21\"",
        "
        1.1.1.1 active 8.8.8.8:1023                      => NeverPort
        1.1.1.1 active 8.8.8.8:20 in /x                  => NeverPort
        1.1.1.1 active 8.8.8.8:3306 in /x                => NeverPort
        1.1.1.1 active 8.8.8.8:11211 in /x               => NeverPort
        1.1.1.1 active 8.8.8.8:1024 in /x                => foreign
        1.1.1.1 active 8.8.8.8:65535 in /x               => foreign
        1.1.1.1 passive 8.8.8.8:20 in /x                 => foreign
        1.1.1.1 active 8.8.4.4:20 in /x                  => foreign
        1.1.1.1 active 8.8.4.4:8080 in /x                => foreign
        1.1.1.1 active 8.8.4.4:8091 in /x                => NoRule
        1.1.1.1 active 8.8.4.4:21                        => NeverPort
        1.1.1.1 active 1.1.1.1:21 list                   => client
        1.1.1.1 active 1.1.1.1:21 in /x                  => client
        1.1.1.1 active 1.1.1.1:21                        => maybe
        1.1.1.1 active 1.1.1.1:22                        => NeverPort
        2.2.2.2 active 2.2.2.2:21                        => NeverPort
        ",
    );
}

#[test]
fn the_connecting_end_reaches_no_farther_than_its_client() {
    check(
        "[[fxp.rule]]\naction = \"allow\"\npeer = [\"0.0.0.0/0\", \"127.0.0.0/8\", \"::/0\"]",
        "
        1.1.1.1 active 8.8.8.8:50000 in /x               => foreign
        1.1.1.1 active 10.2.2.2:50000 in /x              => Scope
        1.1.1.1 active 10.2.2.2:50000                    => Scope
        1.1.1.1 active 192.168.1.1:50000 in /x           => Scope
        1.1.1.1 active [fd00::1]:50000 in /x             => Scope
        1.1.1.1 active [::ffff:10.2.2.2]:50000 in /x     => Scope
        1.1.1.1 passive 10.2.2.2 in /x                   => foreign
        10.3.3.3 active 10.2.2.2:50000 in /x             => foreign
        10.3.3.3 active 8.8.8.8:50000 in /x              => foreign
        127.0.0.1 active 8.8.8.8:50000 in /x             => foreign
        127.0.0.1 active 10.2.2.2:50000 in /x            => foreign
        1.1.1.1 active 127.0.0.1:50000                   => Own
        1.1.1.1 active 9.9.9.9:50000 in /x               => Own
        10.3.3.3 active 10.0.0.1:50000 in /x             => Own
        10.3.3.3 active 127.0.0.1:50000 in /x            => Own
        10.3.3.3 active [::1]:50000 in /x                => Own
        10.3.3.3 active [::ffff:127.0.0.1]:50000 in /x   => Own
        127.0.0.1 active 9.9.9.9:50000 in /x             => foreign
        9.9.9.9 active 127.0.0.3:50000 in /x             => foreign
        1.1.1.1 passive 9.9.9.9 in /x                    => foreign
        ",
    );
}

#[test]
fn two_servers_on_loopback_with_a_client_beside_them() {
    check(
        "[[fxp.rule]]\naction = \"allow\"\npeer = \"127.0.0.0/8\"\ntls = \"required\"",
        "
        127.0.0.1 passive ?                              => maybe
        127.0.0.1 passive 127.0.0.3 in /x                => foreign
        127.0.0.1 active 127.0.0.2:50000                 => maybe
        127.0.0.1 active 127.0.0.2:50000 out /x          => foreign
        127.0.0.1 clear active 127.0.0.2:50000           => NoRule
        127.0.0.1 clear passive 127.0.0.3 in /x          => NoRule
        127.0.0.1 clear passive 127.0.0.1 in /x          => client
        127.0.0.1 active 127.0.0.2:50000 list            => Listing
        guest@127.0.0.1 active 127.0.0.2:50000 out /x    => Anonymous
        homebody@127.0.0.1 active 127.0.0.2:50000        => MayNot
        homebody@127.0.0.1 active 127.0.0.1:50000 in /x  => client
        1.1.1.1 active 127.0.0.2:50000 out /x            => Own
        ",
    );
    check(
        "",
        "
        127.0.0.1 active 127.0.0.2:50000                 => NoRule
        127.0.0.1 passive 127.0.0.3 in /x                => NoRule
        ",
    );
}

#[test]
fn the_first_rule_that_matches_decides() {
    check(
        "[[fxp.rule]]\naction = \"deny\"\npeer = \"8.8.8.66\"
         [[fxp.rule]]\naction = \"allow\"\npeer = \"8.8.8.0/24\"\ndirection = \"in\"\npath = \"/incoming\"
         [[fxp.rule]]\naction = \"deny\"\npeer = \"8.8.8.0/24\"\ndirection = \"in\"
         [[fxp.rule]]\naction = \"allow\"\npeer = \"8.8.0.0/16\"\nwho = \"alice\"
         [[fxp.rule]]\naction = \"allow\"\npeer = \"1.0.0.0/8\"\nwho = \"bob\"
         [[user]]\nname = \"alice\"\nhome = \"/\"\npassword = \"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$pmIQLBSrsPMUt7bWWo2bzNa2XVpHgrREykPGblr0XUk\"
         [[user]]\nname = \"bob\"\nhome = \"/\"\npassword = \"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$pmIQLBSrsPMUt7bWWo2bzNa2XVpHgrREykPGblr0XUk\"",
        "
        2.2.2.2 active 8.8.8.66:50000                    => Rule(0)
        2.2.2.2 passive 8.8.8.66 in /incoming/a          => Rule(0)
        2.2.2.2 active 8.8.8.1:50000                     => maybe
        2.2.2.2 active 8.8.8.1:50000 in /incoming/a      => foreign
        2.2.2.2 active 8.8.8.1:50000 in /incoming        => foreign
        2.2.2.2 active 8.8.8.1:50000 in /incoming2       => Rule(2)
        2.2.2.2 active 8.8.8.1:50000 out /incoming/a     => foreign
        2.2.2.2 active 8.8.9.1:50000 in /x               => foreign
        2.2.2.2 active 1.2.3.4:50000                     => NoRule
        2.2.2.2 active 7.7.7.7:50000                     => NoRule
        8.8.8.66 passive 8.8.8.66 in /x                  => Rule(0)
        8.8.8.66 passive 8.8.8.66 list                   => client
        8.8.8.66 active 8.8.8.66:50000                   => maybe
        8.8.8.1 passive 8.8.8.1 in /x                    => Rule(2)
        8.8.8.1 passive 8.8.8.1 in /incoming/x           => client
        ",
    );
}

#[test]
fn names_stand_for_their_addresses() {
    check(
        "[[fxp.rule]]\naction = \"allow\"\npeer = \"ftp.example.org\"
         [[fxp.rule]]\naction = \"allow\"\npeer = \"dark.example.org\"",
        "
        1.1.1.1 active 8.8.8.8:50000                     => maybe
        1.1.1.1 active 8.8.8.8:50000 in /x               => foreign
        1.1.1.1 active 8.8.8.9:50000                     => maybe
        1.1.1.1 active 8.8.8.9:50000 in /x               => NoRule
        1.1.1.1 active 192.0.2.1:50000                   => NeverAddress
        ",
    );
    check(
        "[[fxp.rule]]\naction = \"deny\"\npeer = \"dark.example.org\"
         [[fxp.rule]]\naction = \"allow\"\npeer = \"8.8.8.0/24\"",
        "
        1.1.1.1 active 8.8.8.8:50000                     => maybe
        1.1.1.1 active 8.8.8.8:50000 in /x               => Unresolved(0)
        1.1.1.1 active 1.1.1.1:50000 in /x               => client
        1.1.1.1 passive 1.1.1.1 in /x                    => client
        ",
    );
}

#[test]
fn rules_that_name_no_peer_speak_of_other_servers() {
    check(
        "[[fxp.rule]]\naction = \"deny\"\ndirection = \"out\"\n[[fxp.rule]]\naction = \"allow\"",
        "
        1.1.1.1 active 8.8.8.8:50000                     => maybe
        1.1.1.1 active 8.8.8.8:50000 out /x              => Rule(0)
        1.1.1.1 active 8.8.8.8:50000 in /x               => foreign
        1.1.1.1 active 1.1.1.1:50000 out /x              => client
        1.1.1.1 passive 1.1.1.1 out /x                   => client
        1.1.1.1 active 1.1.1.1:80 in /x                  => NeverPort
        1.1.1.1 passive 10.2.2.2 in /x                   => NoRule
        10.3.3.3 active 10.2.2.2:50000 in /x             => NoRule
        10.3.3.3 passive fd00::1 in /x                   => NoRule
        10.3.3.3 active 8.8.8.8:50000 in /x              => foreign
        10.3.3.3 active 10.2.2.2:50000 out /x            => Rule(0)
        127.0.0.1 active 127.0.0.2:50000 in /x           => NoRule
        10.3.3.3 active 10.3.3.3:50000 in /x             => client
        ",
    );
}

#[test]
fn a_key_stands_in_for_a_rule_and_a_pin_does_where_we_listen() {
    let proven = "
        1.1.1.1 key passive ?                            => maybe
        1.1.1.1 key passive 8.8.8.8 in /x                => foreign
        1.1.1.1 key passive 8.8.8.8 out /x               => foreign
        1.1.1.1 key active 8.8.8.8:50000                 => maybe
        1.1.1.1 key active 8.8.8.8:50000 in /x           => foreign
        1.1.1.1 key active [2a00::2]:50000 out /x        => foreign
        1.1.1.1 key active 1.1.1.1:50000 out /x          => client
        1.1.1.1 pin passive 8.8.8.8 in /x                => foreign
        1.1.1.1 pin passive 8.8.8.8 out /x               => foreign
        1.1.1.1 pin active 8.8.8.8:50000                 => PinnedActive
        1.1.1.1 pin active 8.8.8.8:50000 in /x           => PinnedActive
        1.1.1.1 key active 8.8.8.8:1023 in /x            => NeverPort
        1.1.1.1 key active 8.8.8.8:6379                  => NeverPort
        192.168.1.9 key active 169.254.169.254:50000     => NeverAddress
        1.1.1.1 key passive 169.254.169.254 in /x        => NeverAddress
        2a00::1 key active [64:ff9b::7f00:1]:50000       => NeverAddress
        1.1.1.1 key active 192.168.1.1:50000             => Scope
        192.168.1.9 key active 192.168.1.1:50000 out /x  => foreign
        192.168.1.9 key active 8.8.8.8:50000 out /x      => foreign
        192.168.1.9 key active 127.0.0.1:50000           => Own
        1.1.1.1 key active 9.9.9.9:50000                 => Own
        1.1.1.1 itself active 9.9.9.9:50000 in /x        => foreign
        1.1.1.1 itself active 9.9.9.9:50000              => maybe
        guest@1.1.1.1 key active 8.8.8.8:50000           => Anonymous
        guest@1.1.1.1 itself active 9.9.9.9:50000        => Anonymous
        homebody@1.1.1.1 key passive 8.8.8.8 in /x       => MayNot
        1.1.1.1 key passive 8.8.8.8 list                 => Listing
    ";
    check("", proven);
    check(
        "fxp = \"off\"",
        "
        1.1.1.1 key passive 8.8.8.8 in /x                => NoRule
        1.1.1.1 key active 8.8.8.8:50000                 => NoRule
        1.1.1.1 pin passive 8.8.8.8 in /x                => NoRule
        1.1.1.1 itself active 9.9.9.9:50000 in /x        => NoRule
        1.1.1.1 key passive 1.1.1.1 in /x                => client
        ",
    );
    // A deny rule comes before the allowances.
    check(
        "[[fxp.rule]]\naction = \"deny\"\npeer = \"8.8.8.0/24\"\ndirection = \"out\"",
        "
        1.1.1.1 key active 8.8.8.8:50000                 => maybe
        1.1.1.1 key active 8.8.8.8:50000 out /x          => Rule(0)
        1.1.1.1 key active 8.8.8.8:50000 in /x           => foreign
        ",
    );
}

#[test]
fn rules_that_demand_a_proof() {
    check(
        "[[fxp.rule]]\naction = \"allow\"\npeer = \"8.8.8.8\"\nproof = \"pin\"
         [[fxp.rule]]\naction = \"allow\"\npeer = \"8.8.4.4\"\nproof = \"key\"
         [[fxp.rule]]\naction = \"deny\"",
        "
        1.1.1.1 active 8.8.8.8:50000                     => Rule(2)
        1.1.1.1 pin active 8.8.8.8:50000 in /x           => foreign
        1.1.1.1 key active 8.8.8.8:50000 in /x           => foreign
        1.1.1.1 pin active 8.8.4.4:50000                 => Rule(2)
        1.1.1.1 pin passive 8.8.4.4 in /x                => Rule(2)
        1.1.1.1 key active 8.8.4.4:50000 in /x           => foreign
        1.1.1.1 key active 1.0.0.1:50000                 => Rule(2)
        ",
    );
}

#[test]
fn a_pin_may_say_where_the_peer_is() {
    check(
        "[[fxp.rule]]\naction = \"allow\"\npeer = \"8.8.8.0/24\"",
        "
        1.1.1.1 pin from=8.8.8.8 from=8.8.4.4 passive ?  => maybe
        1.1.1.1 pin from=8.8.8.8 passive 8.8.8.8 in /x   => foreign
        1.1.1.1 pin from=8.8.8.8 passive 8.8.8.9 in /x   => Elsewhere
        1.1.1.1 pin from=8.8.8.8 active 8.8.8.9:50000    => Elsewhere
        1.1.1.1 pin from=8.8.8.8 passive 1.1.1.1 in /x   => Elsewhere
        1.1.1.1 pin from=1.1.1.1 passive 1.1.1.1 in /x   => client
        1.1.1.1 pin from=8.8.8.8 passive 1.1.1.1         => maybe
        1.1.1.1 pin from=8.8.8.8 passive 1.1.1.1 list    => client
        1.1.1.1 pin from=8.8.8.8 active 1.1.1.1:50000    => maybe
        1.1.1.1 pin from=8.8.8.8 active 1.1.1.1:50000 out /x => Elsewhere
        1.1.1.1 pin from=8.8.8.8 passive 8.8.8.9         => Elsewhere
        ",
    );
}

#[test]
fn a_yes_says_why() {
    check(
        "[[fxp.rule]]\naction = \"deny\"\npeer = \"8.8.8.66\"
         [[fxp.rule]]\naction = \"allow\"\npeer = \"8.8.8.0/24\"\ndirection = \"in\"
         [[fxp.rule]]\naction = \"allow\"\npeer = [\"8.8.8.0/24\", \"1.1.1.0/24\"]",
        "
        2.2.2.2 active 2.2.2.2:50000 in /x               => client by Client
        1.1.1.1 active 1.1.1.1:50000 in /x               => client by Rule(2)
        1.1.1.1 passive 1.1.1.1 list                     => client by Rule(2)
        8.8.8.1 passive 8.8.8.1 in /x                    => client by Rule(1)
        8.8.8.66 passive 8.8.8.66 list                   => client by Client
        2.2.2.2 active 8.8.8.8:50000 in /x               => foreign by Rule(1)
        2.2.2.2 key active 8.8.8.8:50000 in /x           => foreign by Rule(1)
        2.2.2.2 active 8.8.8.8:50000 out /x              => foreign by Rule(2)
        2.2.2.2 key active 8.8.4.4:50000 out /x          => foreign by Key
        2.2.2.2 key passive 8.8.4.4 out /x               => foreign by Key
        2.2.2.2 pin passive 8.8.4.4 out /x               => foreign by Pin
        ",
    );
    let [denied, unresolved] = [Reason::Rule(3), Reason::Unresolved(4)].map(Verdict::Deny);
    let allowed = Verdict::Allow(Relation::Foreign, Ground::Rule(5));
    assert_eq!([denied, unresolved, allowed].map(Verdict::rule), [Some(3), Some(4), Some(5)]);
    let others = [
        Verdict::Maybe,
        Verdict::Deny(Reason::NoRule),
        Verdict::Allow(Relation::ControlPeer, Ground::Client),
        Verdict::Allow(Relation::Foreign, Ground::Key),
    ];
    assert_eq!(others.map(Verdict::rule), [None; 4]);
}
