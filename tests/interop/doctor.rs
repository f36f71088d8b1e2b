//! The doctor among real daemons: what it says works does, and what does not is explained in the words of
//! the product.

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Daemon, Product, Setup};
use fxp_testkit::{data, demand};
use serde_json::Value;

use crate::fxp::Fxp;
use crate::pairs::Pair;

/// `fxp doctor --try` from the source to the destination and back; its events, and the exit code.
fn examine(pair: &Pair) -> (i32, Vec<Value>) {
    let (one, two) = (pair.source.url(""), pair.destination.url(""));
    let ran = pair.fxp.run(["--json", "--tls", "require", "doctor", "--try", one.as_str(), two.as_str()]);
    for daemon in [&pair.source, &pair.destination] {
        let left = std::fs::read_dir(&daemon.root).expect("a directory").filter_map(Result::ok);
        let left: Vec<_> = left
            .map(|entry| entry.file_name())
            .filter(|name| name.to_string_lossy().contains("doctor"))
            .collect();
        assert!(left.is_empty(), "{left:?} is left\n{}", pair.explain(&ran));
    }
    assert!(ran.events().iter().any(|event| event["event"] == "verdict"), "{}", pair.explain(&ran));
    (ran.code, ran.events())
}

fn trials(events: &[Value]) -> Vec<&Value> {
    events.iter().filter(|event| event["event"] == "trial").collect()
}

#[test]
fn what_is_allowed_works_in_both_directions() {
    for product in [Product::Proftpd, Product::Vsftpd, Product::Pureftpd] {
        let Some(pair) = Pair::start("the doctor", Product::Fxpd, product, Setup::TLS) else { return };
        let (code, events) = examine(&pair);
        assert_eq!(code, 0, "{}: {events:#?}", pair.names());
        let works = trials(&events).iter().filter(|trial| trial["outcome"] == "works").count();
        assert!(works >= 2, "{}: {events:#?}", pair.names());
    }
}

#[test]
fn what_the_default_configuration_refuses_is_explained() {
    let rows: [(Product, &[&str]); 2] =
        [(Product::Proftpd, &["AllowForeignAddress"]), (Product::Vsftpd, &["port_promiscuous=YES"])];
    for (product, settings) in rows {
        let setup = Setup { fxp: false, demand_reuse: true, ..Setup::TLS };
        let Some(pair) = Pair::start("the doctor", Product::Fxpd, product, setup) else { return };
        let (code, events) = examine(&pair);
        assert_eq!(code, 8, "{}: {events:#?}", pair.names());
        let trials = trials(&events);
        let remedies: String = trials.iter().filter_map(|trial| trial["remedy"].as_str()).collect();
        for setting in settings {
            assert!(remedies.contains(setting), "{}: no {setting} in {remedies}", pair.names());
        }
        assert!(trials.iter().any(|trial| trial["outcome"] == "ruled_out"), "{}: {trials:#?}", pair.names());
    }
}

#[test]
fn a_stranger_at_the_passive_port_is_explained() {
    let rows = [
        (Product::Proftpd, "AllowForeignAddress"),
        (Product::Vsftpd, "pasv_promiscuous=YES"),
        (Product::Pureftpd, "option -w"),
        (Product::Pyftpdlib, "permit_foreign_addresses"),
    ];
    for (product, setting) in rows {
        let Some(()) = demand::demand("the doctor", product.available()) else { return };
        let authority = Authority::new().expect("an authority");
        let source = Daemon::start(Product::Fxpd, Setup::TLS, &authority, None).expect("fxpd starts");
        let closed = Setup { fxp: false, ..Setup::TLS };
        let destination = Daemon::start(product, closed, &authority, None).expect("the daemon starts");
        let fxp = Fxp::new(&[&source, &destination]);
        let (one, two) = (source.url(""), destination.url(""));
        let flags =
            ["--json", "--tls", "require", "doctor", "--try", "--one-way", "--passive", "destination"];
        let ran = fxp.run(flags.into_iter().chain([one.as_str(), two.as_str()]));
        let events = ran.events();
        let refused = trials(&events)[0];
        assert_eq!(refused["outcome"], "fails", "{ran:#?}");
        assert!(refused["remedy"].as_str().is_some_and(|remedy| remedy.contains(setting)), "{refused}");
    }
}

#[test]
fn a_tls_client_that_cannot_verify_is_explained_and_remembered() {
    let test = "ProFTPD and a certificate of another authority";
    let Some(()) = demand::demand(test, Product::Proftpd.available()) else { return };
    let [one, two] = [(); 2].map(|()| Authority::new().expect("an authority"));
    let source = Daemon::start(Product::Fxpd, Setup::TLS, &one, None).expect("fxpd starts");
    let destination = Daemon::start(Product::Proftpd, Setup::TLS, &two, None).expect("ProFTPD starts");
    data::write(&source.root.join("file"), 4321, 1).expect("a file");
    source.adopt_files().expect("its owner");
    let fxp = Fxp::new(&[&source, &destination]);
    let copy = |arguments: &[&str]| {
        let (from, to) = (source.url("file"), destination.url("copy"));
        let places = [from.as_str(), to.as_str()];
        fxp.run(["--json", "--tls", "require", "cp"].iter().chain(arguments).copied().chain(places))
    };
    let refused = copy(&["--tls-client", "destination"]);
    // ProFTPD hangs up without a word, so the network might be to blame.
    assert!([7, 8].contains(&refused.code), "{refused:#?}\n{}", destination.log());
    assert!(refused.stdout.contains("TLSCACertificateFile"), "{refused:#?}");
    let shown = fxp.run(["site", "show", destination.url("").as_str()]).stdout;
    assert!(shown.contains(&format!("as TLS client it failed with {}", source.address)), "{shown}");
    let copied = copy(&[]);
    assert_eq!(copied.code, 0, "{copied:#?}\n{}", destination.log());
    let done = copied.events().into_iter().find(|event| event["event"] == "done").expect("a file is done");
    assert_eq!(
        (&done["assurance"], &done["tls_client"]),
        (&"confidential".into(), &"source".into()),
        "{done}"
    );
}
