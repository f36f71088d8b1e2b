//! What others do with the same hostile servers, as Debian ships them: so that the table of attacks says no more of
//! them than was seen.

use std::process::Command;
use std::time::Duration;

use fxp_testkit::daemon::{PASSWORD, USER};
use fxp_testkit::demand::{Missing, demand};
use fxp_testkit::{lftp, port};

use super::hostile::{Dialogue, Hostile, Turn};
use super::starttls::identity;
use crate::fxp::Ran;

/// A server with TLS and a twist.
fn hostile(twist: impl Fn(&mut Dialogue, &str) -> Turn + Send + Sync + 'static) -> Hostile {
    let ip = port::loopback();
    Hostile::start(ip, Some(&identity(ip)), &[("/file", b"content")], twist)
}

fn by_lftp(test: &str, hostile: &Hostile) -> Option<Ran> {
    demand(test, lftp::available())?;
    let script = format!("open -u {USER},{PASSWORD} ftp://{}; cat file", hostile.address);
    Some(lftp::run(&script, TIME).expect("lftp runs").into())
}

fn by_curl(test: &str, hostile: &Hostile) -> Option<Ran> {
    let there = Command::new("curl").arg("--version").output().map(drop);
    demand(test, there.map_err(|error| Missing(format!("curl: {error}"))))?;
    let url = format!("ftp://{}/file", hostile.address);
    let user = format!("{USER}:{PASSWORD}");
    let mut command = Command::new("curl");
    command.args(["-q", "-sS", "--insecure", "--max-time", "10", "--ssl", "--user", &user, &url]);
    Some(command.output().expect("curl runs").into())
}

#[test]
fn lftp_and_curl_say_the_password_in_clear_where_auth_is_stripped() {
    for run in [by_lftp, by_curl] {
        let hostile = hostile(|dialogue, line| match line.split(' ').next() {
            Some("AUTH") => dialogue.answer("502 Not known here"),
            _ => Turn::Polite,
        });
        let Some(ran) = run("others and a stripped AUTH", &hostile) else { return };
        let said = hostile.heard().clear_text();
        assert!(said.contains(&format!("PASS {PASSWORD}")), "{ran:#?}\n{}", hostile.log());
        assert_eq!(ran.stdout, "content", "{ran:#?}\n{}", hostile.log());
    }
}

#[test]
fn lftp_and_curl_move_data_in_clear_where_prot_p_is_refused() {
    for run in [by_lftp, by_curl] {
        let hostile = hostile(|dialogue, line| match line.split(' ').next() {
            Some("PROT") => dialogue.answer("534 By policy"),
            _ => Turn::Polite,
        });
        let Some(ran) = run("others and PROT P refused", &hostile) else { return };
        assert_eq!(ran.stdout, "content", "{ran:#?}\n{}", hostile.log());
        assert!(!hostile.heard().data_from.is_empty(), "{}", hostile.log());
    }
}

/// More than they need.
const TIME: Duration = Duration::from_secs(10);
