//! Refused before or during the login: a server that is full is told from one that goes down, that keeps somebody
//! out, and from a wrong password.

use fxp_proto::client::request::NO_COMMAND;
use fxp_proto::grammar::reply::Reply;
use fxp_proto::pair::exchange::Refusal;

use crate::report::{Trouble, TroubleKind};
use crate::site::TlsMode;

/// A refused step of the login, begun with `tls`, with a server with which `open` sessions of ours are open.
pub(super) fn refused(host: &str, command: &str, reply: &Reply, tls: TlsMode, open: usize) -> Trouble {
    let verb = match command {
        NO_COMMAND => "",
        _ => command.split(' ').next().unwrap_or_default(),
    };
    let what = match verb {
        "USER" | "PASS" => format!("{host} refused the login"),
        "" => format!("{host} refused the session"),
        _ => format!("{host} refused {command} during the login"),
    };
    let trouble = |kind, class| Trouble::new(kind, what).words(reply).class(class);
    match (verb, reply.code.number()) {
        // But 421 ends the session, whatever was asked.
        ("PBSZ" | "PROT" | "AUTH", code) if code != 421 => trouble(TroubleKind::Tls, Refusal::TlsRole),
        // Too many sessions, whatever the code: another time it may work.
        _ if says_too_many(reply) => {
            Trouble { crowded: true, ..trouble(TroubleKind::Network, Refusal::Transient).remedy(WAIT_FOR_ROOM) }
        }
        _ if is_full(verb, reply, open) => {
            Trouble { crowded: true, ..trouble(TroubleKind::Network, Refusal::Transient).remedy(LATER) }
        }
        (_, 400..=499) => trouble(TroubleKind::Network, Refusal::Transient).remedy(LATER),
        // ProFTPD says so with 500.
        ("", _) if goes_down(reply) => trouble(TroubleKind::Network, Refusal::Transient).remedy(LATER),
        ("", _) => trouble(TroubleKind::Login, Refusal::Login).remedy(
            "no user was asked for yet: ask the server's operator whether this address is kept out, or the server closed",
        ),
        ("USER" | "PASS", _) if tls == TlsMode::Off => trouble(TroubleKind::Login, Refusal::Login)
            .remedy("check user and password; some servers let nobody in without TLS, and --tls off forbids it"),
        _ => trouble(TroubleKind::Login, Refusal::Login).remedy(
            "check the user (in the site entry, or ftp://USER@host) and the password (~/.netrc, $FXP_PASSWORD, \
             --password-command)",
        ),
    }
}

const WAIT_FOR_ROOM: &str = "wait until another session with this server ends; one is enough for a copy (several users may \
                             share its limit)";

const LATER: &str = "try again later: the server said that this may pass";

/// Refused without a word about sessions, and yet most often for want of room for one more. 421 says "busy"; any other
/// refusal at the greeting says as much where others of ours were let in.
fn is_full(verb: &str, reply: &Reply, open: usize) -> bool {
    let busy = match verb {
        "" => reply.code.number() == 421 || open > 0,
        "AUTH" | "USER" | "PASS" => reply.code.number() == 421,
        _ => false,
    };
    busy && !goes_down(reply) && !keeps_out(reply)
}

/// True for "the maximum number of clients (1) for this user are already connected", which ProFTPD says with
/// 530, and for "3 users (the maximum) are already logged in", which Pure-FTPd says with 421 like most others.
fn says_too_many(reply: &Reply) -> bool {
    let words = words(reply);
    let who = ["client", "connection", "session", "user"].iter().any(|who| words.contains(who));
    let many =
        ["too many", "maximum number", "the maximum)", "more than"].iter().any(|many| words.contains(many));
    who && many
}

/// True for a server that is about to end: fewer sessions are no help.
fn goes_down(reply: &Reply) -> bool {
    let words = words(reply);
    ["shut down", "shutdown", "shutting down", "going down", "maintenance", "restarting", "reboot"]
        .iter()
        .any(|down| words.contains(down))
}

/// True where somebody is kept out for what was done before, as with fxpd's "too many failed logins from your address".
fn keeps_out(reply: &Reply) -> bool {
    let words = words(reply);
    let banned =
        words.split(|letter: char| !letter.is_alphanumeric()).any(|word| ["ban", "banned"].contains(&word));
    let kept_out =
        ["failed login", "login attempt", "autoban", "blacklist", "blocked", "not allowed", "denied"];
    banned || kept_out.iter().any(|out| words.contains(out))
}

fn words(reply: &Reply) -> String {
    reply.words().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_full_is_told_from_a_wrong_password() {
        let rows = [
            (421, "this user has too many sessions", true),
            (530, "Sorry, the maximum number of clients (1) for this user are already connected.", true),
            (421, "I can't accept more than 1 connections as the same user", true),
            (421, "3 users (the maximum) are already logged in, sorry", true),
            (421, "Too many connections (2) from this IP", true),
            (421, "There are too many connected users, please try later.", true),
            (421, "There are too many connections from your internet address.", true),
            (500, "OOPS: Connection refused: too many sessions for this address.", true),
            (530, "Sorry, the maximum number of allowed clients (2) are already connected.", true),
            (530, "Sorry, the maximum number of clients (2) from your host are already connected.", true),
            (530, "Sorry, the maximum number of hosts (2) for this user are already connected.", true),
            (421, "Too many connections. Service temporarily unavailable.", true),
            (421, "Too many connections from the same IP address.", true),
            (421, "too many failed logins from your address, try again later", false),
            (530, "Maximum login attempts (3) exceeded, connection refused", false),
            (530, "Login incorrect.", false),
            (530, "too many wrong passwords", false),
        ];
        for (code, words, expected) in rows {
            assert_eq!(says_too_many(&Reply::new(code, words)), expected, "{code} {words}");
        }
    }

    /// What a refusal means: a full server, one that may be asked again later, one that keeps us out.
    #[derive(Debug, PartialEq, Eq)]
    enum Means {
        Full,
        Later,
        Never,
        /// Something about TLS.
        Tls,
    }

    #[test]
    fn a_refusal_at_the_greeting_means_no_room_unless_it_says_something_else() {
        use Means::{Full, Later, Never, Tls};
        // What is refused, the server's words; what they mean while no session is open there, and while some are.
        let rows = [
            (NO_COMMAND, 421, "Service not available, closing control connection.", Full, Full),
            (NO_COMMAND, 421, "Busy", Full, Full),
            (NO_COMMAND, 421, "too many connections, try again later", Full, Full),
            (NO_COMMAND, 530, "Sorry, the maximum number of clients (2) are already connected", Full, Full),
            (NO_COMMAND, 450, "Come back later", Later, Full),
            (NO_COMMAND, 530, "Not now", Never, Full),
            (NO_COMMAND, 554, "Go away", Never, Full),
            (NO_COMMAND, 421, "too many failed logins from your address, try again later", Later, Later),
            (NO_COMMAND, 421, "You are banned for 10 minutes", Later, Later),
            (NO_COMMAND, 530, "Access denied", Never, Never),
            (NO_COMMAND, 421, "the server is shutting down", Later, Later),
            (NO_COMMAND, 421, "Closed for maintenance", Later, Later),
            (
                NO_COMMAND,
                500,
                "FTP server shut down (going down at 12:00) -- please try again later",
                Later,
                Later,
            ),
            ("USER ann", 421, "Busy", Full, Full),
            ("AUTH TLS", 421, "Busy", Full, Full),
            ("PROT P", 421, "the server is shutting down", Later, Later),
            ("PROT P", 536, "not that", Tls, Tls),
            ("PASS ****", 421, "too many failed logins", Later, Later),
            ("PASS ****", 421, "the server is shutting down", Later, Later),
            ("PASS ****", 530, "Login incorrect.", Never, Never),
            ("FEAT", 421, "Busy", Later, Later),
        ];
        for (command, code, words, alone, beside_others) in rows {
            for (open, expected) in [(0, alone), (3, beside_others)] {
                let trouble =
                    refused("example.org", command, &Reply::new(code, words), TlsMode::Require, open);
                let means = match trouble.class {
                    _ if trouble.crowded => Full,
                    Some(Refusal::Transient) => Later,
                    Some(Refusal::TlsRole) => Tls,
                    _ => Never,
                };
                assert_eq!(means, expected, "{command}: {code} {words}, {open} open");
                assert!(trouble.remedy.is_some() || means == Tls, "{command}: {code} {words}");
            }
        }
    }
}
