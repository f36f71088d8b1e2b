//! STARTTLS: what is said before the handshake is nobody's word (CVE-2011-1575, CVE-2021-22946,
//! CVE-2021-22947), and whoever strips TLS off gets no password.
//!
//! The hostile server keeps every byte that came outside of TLS.

use std::net::IpAddr;

use fxp_testkit::certificate::{Authority, Identity};
use fxp_testkit::daemon::{Daemon, PASSWORD, Product, Setup, USER};
use fxp_testkit::port;

use super::between::Between;
use super::hostile::{Dialogue, GREETING, Hostile, Turn, features};
use crate::fxp::{Fxp, Ran};

/// A server with TLS, and a client that trusts its certificate.
fn stage(twist: impl Fn(&mut Dialogue, &str) -> Turn + Send + Sync + 'static) -> (Hostile, Fxp) {
    let ip = port::loopback();
    let identity = identity(ip);
    let hostile = Hostile::start(ip, Some(&identity), &[("/file", b"content")], twist);
    let fxp = Fxp::new(&[]);
    fxp.trust(&hostile.address.to_string(), &identity.fingerprint());
    (hostile, fxp)
}

pub(crate) fn identity(ip: IpAddr) -> Identity {
    Authority::new().and_then(|authority| authority.identity(ip)).expect("an identity")
}

/// Not a byte of user or password came in clear, whatever else did.
fn assert_no_secret(hostile: &Hostile, ran: &Ran) {
    let clear = hostile.heard().clear_text();
    for secret in [PASSWORD, USER, "USER", "PASS"] {
        assert!(!clear.contains(secret), "{secret} in {clear:?}: {ran:#?}");
    }
}

/// Replies for every step of the login and of what follows, to be taken for the real ones.
const PIPELINED: &str = "331 Password, please\r\n230 Welcome\r\n211-Features\r\n PRET\r\n XCRC\r\n211 End\r\n\
     215 UNIX Type: L8\r\n200 PBSZ=0\r\n200 Protected\r\n200 Type set\r\n257 \"/elsewhere\" is where you are\r\n";

/// The true dialogue takes place inside TLS, from its beginning.
#[test]
fn replies_pipelined_behind_234_are_forgotten() {
    let (hostile, fxp) = stage(|dialogue, line| match line {
        "AUTH TLS" => {
            dialogue.write(format!("234 Go ahead\r\n{PIPELINED}").as_bytes());
            if dialogue.secure() { Turn::Answered } else { Turn::HangUp }
        }
        _ => Turn::Polite,
    });
    let ran = fxp.run(["cat", &hostile.url("file")]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "content"), "{ran:#?}\n{}", hostile.log());
    let heard = hostile.heard();
    let said: Vec<&str> = heard.commands.iter().map(|(_, _, line)| line.as_str()).take(9).collect();
    let (user, pass) = (format!("USER {USER}"), format!("PASS {PASSWORD}"));
    let expected = ["AUTH TLS", &user, &pass, "FEAT", "SYST", "PBSZ 0", "PROT P", "TYPE I", "PWD"];
    assert_eq!(said, expected);
    assert!(
        heard.commands.iter().all(|(_, secure, line)| *secure || line == "AUTH TLS"),
        "{}",
        hostile.log()
    );
    // The directory was that of the true PWD.
    assert_eq!(heard.count("RETR /file"), 1, "{}", hostile.log());
    assert_no_secret(&hostile, &ran);
}

/// They stand where the ServerHello should: there is no TLS, and no session.
#[test]
fn replies_in_the_segment_behind_234_end_the_session() {
    let (hostile, fxp) = stage(|dialogue, line| match line {
        "AUTH TLS" => {
            dialogue.write(b"234 Go ahead\r\n");
            // The client has said its ClientHello, so that it reads nothing but TLS.
            dialogue.await_bytes();
            dialogue.write(PIPELINED.as_bytes());
            dialogue.be_silent()
        }
        _ => Turn::Polite,
    });
    let ran = fxp.run(["cat", "--timeout", "10", &hostile.url("file")]);
    assert_eq!(ran.code, 6, "{ran:#?}\n{}", hostile.log());
    assert_eq!(ran.stdout, "");
    assert!(hostile.heard().in_clear.starts_with(b"AUTH TLS\r\n\x16\x03"), "{}", hostile.log());
    assert_no_secret(&hostile, &ran);
}

/// The 234 comes with the greeting, before AUTH was said; the one that answers it stands where the
/// ServerHello should.
#[test]
fn replies_before_their_commands_end_the_session() {
    for early in ["234 Go ahead", "230 Welcome", "331 Password, please\r\n230 Welcome\r\n234 Go ahead"] {
        let (hostile, fxp) = stage(move |dialogue, line| match line {
            GREETING => dialogue.answer(&format!("220 Ready\r\n{early}")),
            _ => Turn::Polite,
        });
        let ran = fxp.run(["cat", "--timeout", "5", &hostile.url("file")]);
        assert!([6, 7].contains(&ran.code), "{early}: {ran:#?}\n{}", hostile.log());
        assert_eq!(ran.stdout, "", "{early}");
        assert_no_secret(&hostile, &ran);
    }
}

/// A greeting decides nothing: AUTH is said all the same, and USER inside TLS.
#[test]
fn a_greeting_that_claims_a_login_changes_nothing() {
    for greeting in
        ["230 You are logged in already", "220 mover logged in, TLS not needed", "220-230 Welcome\r\n220 ."]
    {
        let (hostile, fxp) = stage(move |dialogue, line| match line {
            GREETING => dialogue.answer(greeting),
            _ => Turn::Polite,
        });
        let ran = fxp.run(["cat", &hostile.url("file")]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, "content"), "{ran:#?}\n{}", hostile.log());
        let heard = hostile.heard();
        assert_eq!(heard.clear_text().lines().next(), Some("AUTH TLS"), "{greeting}");
        assert_eq!(heard.count("USER"), 1, "{greeting}: {}", hostile.log());
        assert_no_secret(&hostile, &ran);
        // And where AUTH is refused then, there is no login.
        let (hostile, fxp) = stage(move |dialogue, line| match line {
            GREETING => dialogue.answer(greeting),
            "AUTH TLS" => dialogue.answer("503 You are logged in already"),
            _ => Turn::Polite,
        });
        let ran = fxp.run(["cat", &hostile.url("file")]);
        assert_eq!(ran.code, 6, "{greeting}: {ran:#?}");
        assert_eq!(hostile.heard().clear_text(), "AUTH TLS\r\n", "{greeting}");
    }
}

/// What a stripped AUTH may be answered with. 334 is taken for 234 by those who must; no TLS follows.
const STRIPPED: [&str; 9] = [
    "500 What?",
    "502 Not known here",
    "504 No such mechanism",
    "530 Log in first",
    "534 By policy",
    "200 As you like",
    "230 Welcome",
    "331 Password, please",
    "421 Too busy for TLS",
];

#[test]
fn a_stripped_auth_gets_no_password() {
    for words in STRIPPED {
        let (hostile, fxp) = stage(move |dialogue, line| match line.split(' ').next() {
            Some("AUTH") => dialogue.answer(words),
            Some("FEAT") => dialogue.answer(&features(false).replace(" AUTH TLS\r\n", "")),
            _ => Turn::Polite,
        });
        let (ftp, local) = (hostile.url("file"), fxp.home().join("got"));
        let ftpes = ftp.replacen("ftp:", "ftpes:", 1);
        let local = local.to_str().expect("a path of UTF-8");
        for arguments in [
            &["ls", &ftp][..],
            &["ls", "--tls", "try", &ftp],
            &["ls", "--tls", "require", &ftp],
            &["ls", &ftpes],
            &["cp", "--retries", "0", &ftp, local],
            &["cp", "--retries", "0", "--secure", "require", &ftp, local],
            &["cp", "--retries", "0", "--secure", "prefer", &ftp, local],
            &["cp", "--retries", "0", "--secure", "off", &ftp, local],
        ] {
            let ran = fxp.run(arguments);
            assert!([6, 7].contains(&ran.code), "{words} {arguments:?}: {ran:#?}\n{}", hostile.log());
            assert_no_secret(&hostile, &ran);
        }
        let clear = hostile.heard().clear_text();
        assert!(clear.lines().all(|line| line.starts_with("AUTH ")), "{words}: {clear:?}");
    }
}

/// So that the tests above can fail: who asks for it does say the password in clear, and it is seen.
#[test]
fn what_the_user_allows_is_seen_by_the_hostile_server() {
    let (hostile, fxp) = stage(|dialogue, line| match line.split(' ').next() {
        Some("AUTH") => dialogue.answer("502 Not known here"),
        _ => Turn::Polite,
    });
    let ran = fxp.run(["cat", "--tls", "off", &hostile.url("file")]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "content"), "{ran:#?}");
    assert!(hostile.heard().clear_text().contains(&format!("PASS {PASSWORD}")), "{}", hostile.log());
}

/// Anonymous users need no TLS, and may still demand it of their data: nobody even hears what they look for.
#[test]
fn require_moves_not_even_a_listing_in_clear() {
    let (hostile, fxp) = stage(|dialogue, line| match line.split(' ').next() {
        Some("AUTH") => dialogue.answer("502 Not known here"),
        _ => Turn::Polite,
    });
    let to = fxp.home().join("got");
    let to = to.to_str().expect("a path of UTF-8");
    let url = format!("ftp://anonymous@{}/", hostile.address);
    for (path, tls) in [("", "try"), ("file", "try"), ("", "off"), ("file", "off")] {
        let from = format!("{url}{path}");
        for [from, to] in [[from.as_str(), to], [to, &from]] {
            let fixed = ["cp", "-r", "--retries", "0", "--tls", tls, "--secure", "require", from, to];
            let ran = fxp.run(fixed);
            assert!([3, 6].contains(&ran.code), "{from} {to} {tls}: {ran:#?}\n{}", hostile.log());
        }
    }
    let heard = hostile.heard();
    for verb in ["MLSD", "LIST", "RETR", "STOR", "PASV", "EPSV"] {
        assert_eq!(heard.count(verb), 0, "{}", hostile.log());
    }
    // So that this can fail: without the demand it is listed and copied.
    let ran = fxp.run(["cp", "-r", "--retries", "0", &url, to]);
    assert_eq!(ran.code, 0, "{ran:#?}\n{}", hostile.log());
}

/// An anonymous user has no password to lose; but whoever has seen TLS here before is told.
#[test]
fn tls_that_was_seen_once_is_missed_even_by_anonymous_users() {
    let stripping = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let strips = stripping.clone();
    let (hostile, fxp) = stage(move |dialogue, line| match line.split(' ').next() {
        Some(GREETING) if strips.load(std::sync::atomic::Ordering::SeqCst) => {
            dialogue.answer("220 A new greeting")
        }
        Some("AUTH") if strips.load(std::sync::atomic::Ordering::SeqCst) => {
            dialogue.answer("502 Not known here")
        }
        _ => Turn::Polite,
    });
    let url = format!("ftp://anonymous@{}/file", hostile.address);
    assert_eq!(fxp.run(["cat", &url]).code, 0);
    stripping.store(true, std::sync::atomic::Ordering::SeqCst);
    for arguments in [&["cat", &url][..], &["cat", "--tls", "try", &url], &["ls", &url]] {
        let ran = fxp.run(arguments);
        assert_eq!(ran.code, 6, "{ran:#?}\n{}", hostile.log());
        assert!(ran.stderr.contains("did before"), "{ran:#?}");
    }
    let clear: Vec<_> = hostile.heard().commands.into_iter().filter(|(_, secure, _)| !secure).collect();
    assert!(clear.iter().all(|(_, _, line)| line == "AUTH TLS"), "{}", hostile.log());
}

/// A man in the middle in front of one real server, of the other, of both; he waits until TLS was seen, or
/// attacks at once. No server and no man hears of the user, and nothing is copied.
#[test]
fn auth_stripped_on_one_leg_or_on_both() {
    let authority = Authority::new().expect("an authority");
    let start = || Daemon::start(Product::Fxpd, Setup::TLS, &authority, None).expect("fxpd starts");
    for (at_source, at_destination) in [(true, false), (false, true), (true, true)] {
        for seen_before in [false, true] {
            let (source, destination) = (start(), start());
            std::fs::write(source.root.join("file"), "content").expect("a file");
            let strip = [("AUTH", "502 Not known here")];
            let men = [&source, &destination].map(|server| Between::before(server.address, &strip));
            let fxp = Fxp::new(&[]);
            for (server, man) in [&source, &destination].into_iter().zip(&men) {
                fxp.trust(&man.address.to_string(), &server.fingerprint);
            }
            let url = |at: usize, path: &str| format!("ftp://{USER}@{}/{path}", men[at].address);
            if seen_before {
                for at in [0, 1] {
                    let ran = fxp.run(["ls", &url(at, "")]);
                    assert_eq!(ran.code, 0, "{ran:#?}");
                }
            }
            let attacked: Vec<usize> = [(0, at_source), (1, at_destination)]
                .into_iter()
                .filter_map(|(at, attacked)| attacked.then_some(at))
                .collect();
            attacked.iter().for_each(|&at| men[at].attack());
            for more in [&[][..], &["--via", "auto"], &["--secure", "prefer"], &["--secure", "off"]] {
                let (from, to) = (url(0, "file"), url(1, "copied"));
                let ran = fxp.run([&["cp", "--retries", "0"], more, &[&from, &to]].concat());
                assert_eq!(ran.code, 6, "{more:?} {attacked:?}: {ran:#?}");
                assert_eq!(ran.stderr.contains("did before"), seen_before, "{ran:#?}");
                assert!(!destination.root.join("copied").exists(), "{ran:#?}");
            }
            for &at in &attacked {
                let heard = men[at].heard();
                assert!(heard.lines().all(|line| line == "AUTH TLS"), "{heard:?}");
            }
        }
    }
}
