//! USER and PASS: the slow part, which is argon2.

use std::num::NonZero;
use std::sync::Arc;

use fxp_proto::server::effect::{Failure, FailureKind, LoggedIn, Login, Outcome};
use fxp_store::account::{Account, LoginError};
use fxp_store::storage::Storage;
use fxp_store::{Kind, Text};

use super::{Gain, Job, Result, failure, turn};
use crate::bans::{Consequence, PENALTY};
use crate::context::{Context, User};
use crate::observe::{self, BANNED};

pub(super) async fn login(job: &Job, login: Login) -> Result<(Outcome, Gain)> {
    let name = login.user.clone();
    let checked = check(job, login).await?;
    let account = match checked {
        Ok(account) => account,
        Err(error) => return Err(refuse(job, &name, &error).await),
    };
    job.context.shared.bans.succeeded(job.context.client.ip(), &name);
    let Some(user) = admit(job, account) else {
        return Err(refuse(job, &name, &LoginError::TooMany).await);
    };
    observe::logged_in(&job.context, &user.account);
    let logged_in = LoggedIn {
        home: user.account.home.clone(),
        message: Text::lossy(format!("{name} logged in")),
        foreign_peers: user.may_fxp
            && !user.account.anonymous
            && job.context.live.config.fxp.knows_peers_for(name.as_bytes()),
    };
    Ok((Outcome::LoggedIn(logged_in), Gain::User(Arc::new(user))))
}

async fn check(job: &Job, login: Login) -> Result<std::result::Result<Account, LoginError>> {
    let turn = turn(&job.context.shared.logins).await;
    if is_banned(&job.context) {
        // By other sessions of his: the door is closed to guesses that came in before, too.
        return Err(failure(FailureKind::TooMany, BANNED));
    }
    let accounts = job.context.live.accounts.clone();
    let (peer, secured) = (job.context.client.ip(), job.context.tls.is_some());
    job.blocking(move || {
        let _turn = turn;
        let account = accounts.login(&login.user, &login.password, peer, secured)?;
        look_at_home(&*account.storage, &account)?;
        Ok(account)
    })
    .await
}

fn look_at_home(files: &dyn Storage, account: &Account) -> std::result::Result<(), LoginError> {
    match files.stat(&account.home) {
        Ok(entry) if entry.kind == Kind::Directory => Ok(()),
        Ok(_) => Err(LoginError::Broken(format!("{} is not a directory", account.home))),
        Err(error) => Err(LoginError::Broken(format!("{}: {error}", account.home))),
    }
}

/// Takes one of the user's places.
fn admit(job: &Job, account: Account) -> Option<User> {
    let config = &job.context.live.config;
    let configured = config.users.iter().find(|user| user.name.as_bytes() == account.name.as_bytes());
    let (own, rate) = match (&config.anonymous, configured) {
        (Some(guests), _) if account.anonymous => (guests.sessions, guests.rate),
        (_, Some(user)) => (user.sessions, user.rate),
        (_, None) => (None, None),
    };
    let most = own.unwrap_or(config.limits.sessions_per_user);
    Some(User {
        _ticket: job.context.shared.users.take(account.name.clone(), most)?,
        files: account.files(),
        rate: rate.map(NonZero::get),
        may_fxp: configured.is_none_or(|user| user.may_fxp),
        account,
    })
}

fn is_banned(context: &Context) -> bool {
    let ip = context.client.ip();
    context.live.config.limits.ban_after(ip).is_some() && context.shared.bans.is_banned(ip)
}

/// A wrong password, an unknown user, one who may not come from here and one whose account is broken look
/// alike, and count alike: else a guesser could tell by the ban that a password was right.
async fn refuse(job: &Job, name: &Text, error: &LoginError) -> Failure {
    observe::login_refused(&job.context, name, error);
    let Consequence { delay, banned } = consequence(&job.context, name, error);
    tokio::time::sleep(delay).await;
    match error {
        _ if banned => failure(FailureKind::TooMany, BANNED),
        LoginError::Wrong | LoginError::NotAllowed(_) => {
            failure(FailureKind::BadLogin, "wrong user or password")
        }
        LoginError::TooMany => failure(FailureKind::TooMany, "this user has too many sessions"),
        LoginError::Broken(_) => failure(
            FailureKind::BadLogin,
            "the account cannot be used at the moment; the server's log says why",
        ),
    }
}

fn consequence(context: &Context, name: &Text, error: &LoginError) -> Consequence {
    if matches!(error, LoginError::TooMany) {
        // The password was right, and the answer says so.
        return Consequence { delay: PENALTY, banned: false };
    }
    let (limits, ip) = (&context.live.config.limits, context.client.ip());
    let consequence = context.shared.bans.failed(ip, name, limits.ban_after(ip), limits.ban_time);
    if consequence.banned {
        observe::banned(context, limits.ban_time);
    }
    consequence
}
