//! Who is there: USER, PASS, REIN, QUIT, HOST (RFC 959, 4.1.1; RFC 7151).

use crate::grammar::reply::Reply;
use crate::server::effect::{Effect, FailureKind, LoggedIn, Login, Outcome};
use crate::server::machine::TlsOffer;
use crate::server::pending::Then;
use crate::server::state::{Session, User};
use crate::wire::secret::Secret;
use crate::wire::text::Text;

/// One text for every login that fails: it must not tell whether the user exists (RFC 2577, 7).
const LOGIN_FAILED: &str = "login incorrect";

pub(super) fn user(session: &mut Session, name: Text) {
    if session.settings.tls == TlsOffer::Required && !session.secured {
        // RFC 4217, 10.2 leaves the code open; 530 is what clients take for "not like this".
        return session.say(530, "TLS required: send AUTH TLS before USER");
    }
    session.change_user(User::Named(name));
    session.say(331, "password required");
}

pub(super) fn pass(session: &mut Session, password: Text) {
    let password = Secret::new(password.into_bytes());
    let User::Named(user) = session.memory.user.clone() else {
        return session.say(503, "send USER first");
    };
    let login = Login { user: user.clone(), password, host: session.memory.host.clone() };
    session.start(Effect::Login(login), Then::Enter { user });
}

pub(super) fn entered(session: &mut Session, user: Text, outcome: Outcome) {
    match outcome {
        Outcome::LoggedIn(LoggedIn { home, message, foreign_peers }) => {
            session.memory.foreign_peers = foreign_peers;
            session.memory.user = User::In(user);
            session.memory.directory = home;
            session.failed_logins = 0;
            session.answer(Reply::new(230, message));
        }
        Outcome::Failed(failure) if failure.kind == FailureKind::TooMany => {
            session.close(Reply::new(421, failure.detail));
        }
        _ => rejected(session),
    }
}

fn rejected(session: &mut Session) {
    session.change_user(User::Stranger);
    session.say(530, LOGIN_FAILED);
    session.failed_logins += 1;
    if session.failed_logins >= session.settings.login_attempts {
        session.close(Reply::new(421, "too many failed logins"));
    }
}

/// The user is forgotten; TLS stays. RFC 4217, 11 would end it here, but protection that was once
/// agreed on is never lowered by a command inside it.
pub(super) fn rein(session: &mut Session) {
    session.forget();
    let banner = session.settings.banner.clone();
    session.answer(Reply::new(220, banner));
}

pub(super) fn quit(session: &mut Session) {
    session.close(Reply::new(221, "goodbye"));
}

pub(super) fn host(session: &mut Session, name: Text) {
    let hosts = &session.settings.hosts;
    if !hosts.is_empty() && !hosts.iter().any(|host| same_host(host, &name)) {
        return session.say(504, "no such host here");
    }
    session.memory.host = Some(name);
    session.say(220, "host accepted");
}

/// Names without regard to case and to a final dot (RFC 7151, 3.1).
fn same_host(one: &Text, other: &Text) -> bool {
    let bare = |name: &Text| {
        let bytes = name.as_bytes();
        bytes.strip_suffix(b".").unwrap_or(bytes).to_ascii_lowercase()
    };
    bare(one) == bare(other)
}
