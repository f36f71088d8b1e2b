//! The commands: which function serves which verb, and which one its effect's outcome goes to.

mod data;
mod digest;
mod files;
mod info;
mod listing;
mod login;
mod params;
mod peer;
mod security;
mod site;
mod transfer;

use zeroize::Zeroizing;

use super::effect::{EffectId, Event, Failure, FailureKind, Outcome};
use super::pending::{Running, Then};
use super::replies;
use super::state::{Session, User};
use crate::grammar::command::Command;
use crate::grammar::params::DigestKind;
use crate::grammar::reply::Reply;
use crate::grammar::verb::{Row, Served, Verb, When};
use crate::wire::text::Text;

pub(super) use info::progress;
pub(super) use security::secured;

/// Serves one command: the table's row says whether, the verb's function says how.
pub(super) fn serve(session: &mut Session, command: Command) {
    let Command { verb, argument } = command;
    session.serve(verb);
    match refusal(session, verb.row(), &argument) {
        Some(reply) => {
            // It may have been meant for secrets.
            drop(Zeroizing::new(argument.into_bytes()));
            session.answer(reply);
        }
        None => run(session, verb, argument),
    }
}

/// What the row decides, and the one thing it cannot say: STAT is for everybody, STAT with a path is a
/// listing.
fn refusal(session: &Session, row: &Row, argument: &Text) -> Option<Reply> {
    let when = match row.verb {
        Verb::Stat if !argument.is_empty() => When::LoggedIn,
        _ => row.when,
    };
    match when {
        When::LoggedIn if !session.is_logged_in() => {
            return Some(Reply::new(530, "log in with USER and PASS first"));
        }
        When::BeforeLogin if session.memory.user != User::Stranger => {
            return Some(Reply::new(503, Text::lossy(format!("{} must come before USER", row.name))));
        }
        _ => {}
    }
    match row.served {
        Served::Yes => None,
        Served::Superfluous => Some(Reply::new(202, Text::lossy(format!("{} is not needed here", row.name)))),
        Served::Refused(code) => {
            let text = format!("{} is not served here ({})", row.name, row.summary.trim_end_matches('.'));
            Some(Reply::new(code, Text::lossy(text)))
        }
    }
}

#[rustfmt::skip]
fn run(session: &mut Session, verb: Verb, argument: Text) {
    let word = argument.as_bytes();
    match verb {
        Verb::User => login::user(session, argument),
        Verb::Pass => login::pass(session, argument),
        Verb::Rein => login::rein(session),
        Verb::Quit => login::quit(session),
        Verb::Host => login::host(session, argument),
        Verb::Auth => security::auth(session, word),
        Verb::Pbsz => security::pbsz(session, word),
        Verb::Prot => security::prot(session, word),
        Verb::Sscn | Verb::Ccsn => security::sscn(session, word),
        Verb::Peer => peer::peer(session, argument),
        Verb::Type => params::kind(session, word),
        Verb::Mode => params::mode(session, word),
        Verb::Stru => params::structure(session, word),
        Verb::Rest => params::rest(session, word),
        Verb::Rang => params::rang(session, word),
        Verb::Rate => params::rate(session, word),
        Verb::Allo => params::allo(session, word),
        Verb::Opts => params::opts(session, word),
        Verb::Port => data::port(session, word),
        Verb::Eprt => data::eprt(session, word),
        Verb::Pasv => data::pasv(session),
        Verb::Cpsv => data::cpsv(session),
        Verb::Epsv => data::epsv(session, word),
        Verb::Cepr => data::cepr(session, word),
        Verb::Pret => data::pret(session, word),
        Verb::Retr => transfer::retr(session, word),
        Verb::Stor => transfer::stor(session, word),
        Verb::Appe => transfer::appe(session, word),
        Verb::Stou => transfer::stou(session, word),
        Verb::Abor => transfer::abor(session),
        Verb::List => listing::list(session, word),
        Verb::Nlst => listing::nlst(session, word),
        Verb::Mlsd => listing::mlsd(session, word),
        Verb::Mlsc => listing::mlsc(session, word),
        Verb::Mlst => listing::mlst(session, word),
        Verb::Stat if word.is_empty() => info::stat(session),
        Verb::Stat => listing::stat(session, word),
        Verb::Cwd | Verb::Xcwd => files::cwd(session, word),
        Verb::Cdup | Verb::Xcup => files::cwd(session, b".."),
        Verb::Pwd | Verb::Xpwd => files::pwd(session),
        Verb::Mkd | Verb::Xmkd => files::mkd(session, word),
        Verb::Rmd | Verb::Xrmd => files::rmd(session, word),
        Verb::Dele => files::dele(session, word),
        Verb::Rnfr => files::rnfr(session, word),
        Verb::Rnto => files::rnto(session, word),
        Verb::Size => files::size(session, word),
        Verb::Mdtm => files::mdtm(session, word),
        Verb::Mfmt => files::mfmt(session, word),
        Verb::Mff => files::mff(session, word),
        Verb::Avbl => files::avbl(session, word),
        Verb::Comb => files::comb(session, word),
        Verb::Hash => digest::hash(session, word),
        Verb::Xcrc => digest::ranged(session, DigestKind::Crc32, word),
        Verb::Xmd5 => digest::ranged(session, DigestKind::Md5, word),
        Verb::Xsha | Verb::Xsha1 => digest::ranged(session, DigestKind::Sha1, word),
        Verb::Xsha256 => digest::ranged(session, DigestKind::Sha256, word),
        Verb::Xsha512 => digest::ranged(session, DigestKind::Sha512, word),
        Verb::Md5 => digest::md5(session, word),
        Verb::Mmd5 => digest::mmd5(session, word),
        Verb::Syst => info::syst(session),
        Verb::Feat => info::feat(session),
        Verb::Help => info::help(session, word),
        Verb::Noop => info::noop(session),
        Verb::Lang => info::lang(session, word),
        Verb::Clnt => info::clnt(session),
        Verb::Csid => info::csid(session),
        Verb::SiteHelp => site::help(session),
        Verb::SiteChmod => site::chmod(session, word),
        Verb::SiteUtime => site::utime(session, word),
        Verb::SiteSymlink => site::symlink(session, word),
        // Their rows refuse them, so nothing comes here; a test walks through the table.
        Verb::Acct | Verb::Smnt | Verb::Adat | Verb::Ccc | Verb::Mic | Verb::Conf | Verb::Enc | Verb::Lprt
        | Verb::Lpsv | Verb::Mfct | Verb::Site => session.answer(replies::syntax(verb)),
    }
}

/// An effect has news.
pub(super) fn news(session: &mut Session, id: EffectId, event: Event) {
    if !session.is_running(id) {
        return;
    }
    match event {
        Event::Opening { size, name } => transfer::opening(session, size, name.as_ref()),
        Event::Lines(lines) => listing::lines(session, &lines),
    }
}

/// An effect ended.
pub(super) fn finish(session: &mut Session, running: Running, outcome: Outcome) {
    let Running { verb, then, .. } = running;
    session.serve(verb);
    match (then, outcome) {
        (Then::Enter { user }, outcome) => login::entered(session, user, outcome),
        (Then::Lines { begun }, outcome) => listing::lines_ended(session, verb, begun, outcome),
        (Then::Look(look), Outcome::Failed(failure)) => files::not_seen(session, verb, look, &failure),
        (Then::Room { wanted: Some(_) }, Outcome::Failed(failure))
            if failure.kind == FailureKind::Unsupported =>
        {
            session.say(202, "ALLO is not needed here");
        }
        (_, Outcome::Failed(failure)) => session.fail(verb, &failure),
        (Then::Announce(slot), Outcome::Listening(address)) => data::announce(session, slot, address),
        (Then::Keep(slot), Outcome::Done) => data::keep(session, slot),
        (Then::Transfer(_), Outcome::Transferred { bytes, name, left_out }) => {
            transfer::transferred(session, bytes, name.as_ref(), left_out);
        }
        (Then::Operate(operations, reply), Outcome::Done) => files::several(session, operations, reply),
        (Then::Look(look), Outcome::Facts(entry)) => files::seen(session, look, entry),
        (Then::Room { wanted }, Outcome::Space(free)) => files::room(session, wanted, free),
        (Then::Digest(asked), Outcome::Digest { hex, start, end }) => {
            digest::computed(session, verb, asked, &hex, start..end);
        }
        (_, _) => session.fail(verb, &mismatch()),
    }
}

/// ABOR stops what runs.
pub(super) fn cancelled(session: &mut Session) {
    let Some(running) = session.cancel() else { return };
    match running.then {
        // The reply has begun with a code, and must end with it.
        Then::Lines { begun: true } => session.say(listing::head(running.verb).0, "aborted"),
        _ => session.say(426, format!("{} was aborted", running.verb.name())),
    }
}

/// The driver ended the effect with an outcome of another kind: its mistake, but the client has to be told
/// something, and whatever it counts on must not be taken for true.
pub(super) fn mismatch() -> Failure {
    Failure { kind: FailureKind::Io, detail: Text::from("internal error") }
}
