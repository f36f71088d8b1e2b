//! What a copy finds out about a server is remembered, used by the next one, shown, and forgotten when it
//! is not true any more.

use fxp_server::config::Config;
use fxp_server::config::fxp::Allowances;

use crate::servers::{Kind, Server};
use crate::{Machine, Ran};

/// Lets others connect, and connects to nobody.
fn passive_only(config: &mut Config) {
    config.fxp.rules[0].ports = vec!["1-1".parse().expect("a range")];
    config.fxp.allowances = Allowances::Off;
}

fn ok(ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
}

/// How often the source was told to connect somewhere.
fn told_to_connect(ran: &Ran) -> usize {
    ran.stderr.lines().filter(|line| line.starts_with("source ") && line.contains(" > PORT ")).count()
}

#[test]
fn a_lesson_is_learned_used_shown_and_forgotten_with_the_greeting() {
    let any = "127.0.0.2:0".parse().expect("an address");
    let source = Server::start_with(any, Kind::PLAIN, passive_only);
    let destination = Server::start(3, Kind::PLAIN);
    let machine = Machine::that_knows(&[&source, &destination]);
    let copy = |name: &str| {
        source.put("x", b"hello");
        machine.run(&["-v", "--tls", "off", "cp", &source.url("x"), &destination.url(name)])
    };
    let show = |flags: &[&str]| {
        let ran = machine.run(&[flags, &["site", "show", &source.url("")]].concat());
        ok(&ran);
        ran.stdout
    };
    assert!(show(&[]).contains("there was no session with it yet"), "{}", show(&[]));

    let first = copy("one");
    ok(&first);
    assert_eq!(told_to_connect(&first), 1, "it had to find out:\n{}", first.stderr);
    let second = copy("two");
    ok(&second);
    assert_eq!(told_to_connect(&second), 0, "it knew:\n{}", second.stderr);

    let shown = show(&[]);
    for words in ["fxpd", "it refuses foreign addresses when it connects", "the latest of this on 20"] {
        assert!(shown.contains(words), "no {words:?} in:\n{shown}");
    }
    let known: serde_json::Value = serde_json::from_str(&show(&["--json"])).expect("one object");
    assert_eq!(known["event"], "known", "{known}");
    assert_eq!(known["server"], source.address.to_string(), "{known}");
    assert_eq!((&known["no_foreign_active"], &known["no_foreign_passive"]), (&true.into(), &false.into()));
    assert_eq!(known["product"], "fxpd", "{known}");
    assert!(known["learned"].as_str().expect("a time").ends_with('Z'), "{known}");

    // Its operator has set it up anew, which shows in the greeting.
    let address = source.address;
    let url = source.url("x");
    drop(source);
    let source = Server::start_with(address, Kind::PLAIN, |config| {
        passive_only(config);
        config.banner = "fxpd of the new age".to_owned();
    });
    source.put("x", b"hello");
    let third = machine.run(&["-v", "--tls", "off", "cp", &url, &destination.url("three")]);
    ok(&third);
    assert_eq!(told_to_connect(&third), 1, "the lesson was forgotten, and learned again:\n{}", third.stderr);
}

#[test]
fn lessons_can_be_unlearned_and_trust_stays() {
    let any = "127.0.0.2:0".parse().expect("an address");
    let source = Server::start_with(any, Kind::TLS, passive_only);
    let destination = Server::start(3, Kind::TLS);
    let machine = Machine::that_knows(&[&source, &destination]);
    source.put("x", b"hello");
    ok(&machine.run(&["site", "add", "work", &source.url("")]));
    ok(&machine.run(&["cp", "work:x", &destination.url("one")]));
    let show = || machine.run(&["site", "show", "work"]).stdout;
    assert!(show().contains("when it connects") && show().starts_with("site "), "{}", show());

    let unlearned = machine.run(&["site", "unlearn", "work"]);
    ok(&unlearned);
    assert!(unlearned.stderr.contains("stay trusted"), "{}", unlearned.stderr);
    assert!(!show().contains("when it connects"), "{}", show());
    assert!(show().contains(source.fingerprint.as_deref().expect("TLS")), "{}", show());
    assert!(show().contains("it has offered TLS"), "{}", show());
    ok(&machine.run(&["site", "unlearn", "work"]));
    let again = machine.run(&["-v", "cp", "work:x", &destination.url("two")]);
    ok(&again);
    assert_eq!(told_to_connect(&again), 1, "{}", again.stderr);
    assert_eq!(machine.run(&["site", "show", "nobody"]).code, Some(2));
}
