//! What the policy would say of a data connection that nobody has made yet: for operators, without a running
//! server. The facts are made up, the function that judges them is the server's own.
//!
//! ```
//! use fxp_proto::grammar::params::Protection;
//! use fxp_server::config::{Config, fxp::Proof};
//! use fxp_server::explain::{Case, Explainer};
//! use fxp_server::policy::{Intent, Reason, Verdict, Way};
//! use fxp_store::VPath;
//!
//! # let hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$pmIQLBSrsPMUt7bWWo2bzNa2XVpHgrREykPGblr0XUk";
//! let config = Config::parse(&format!(r#"
//!     [[user]]
//!     name = "alice"
//!     home = "/srv/ftp"
//!     password = "{hash}"
//!     [[fxp.rule]]
//!     action = "deny"
//!     peer = "8.8.8.0/24"
//! "#))?;
//! let case = Case {
//!     user: "alice",
//!     client: None,
//!     peer: "8.8.8.8".parse()?,
//!     way: Way::Passive,
//!     intent: Intent::In(&VPath::parse(b"/incoming/a.iso")?),
//!     protection: Protection::Private,
//!     proof: Proof::Key,
//! };
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # let explained = runtime.block_on(async {
//! let explained = Explainer::new(config).explain(&case).await?;
//! # Ok::<_, fxp_server::explain::NoSuchUser>(explained) })?;
//! assert_eq!(explained.verdict, Verdict::Deny(Reason::Rule(0)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use fxp_proto::grammar::params::Protection;
use fxp_store::Text;

use crate::accounts::is_guest;
use crate::config::Config;
use crate::config::fxp::Proof;
use crate::names::Names;
use crate::policy::{Facts, Host, Intent, Scope, Verdict, Way, judge};
use crate::view::{self, View};

/// A data connection that might be.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Who would be logged in.
    pub user: &'a str,
    /// Where from; `None` is from some public host.
    pub client: Option<IpAddr>,
    /// The other end of the data connection.
    pub peer: IpAddr,
    /// Who would connect.
    pub way: Way,
    /// What for.
    pub intent: Intent<'a>,
    /// In clear or inside TLS.
    pub protection: Protection,
    /// What the peer would prove.
    pub proof: Proof,
}

/// What the policy says of a case.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Yes or no; never a maybe.
    pub verdict: Verdict,
    /// The question that got this answer.
    pub asked: Asked,
    /// Names in the rules that have no answer at the moment.
    pub unresolved: Vec<String>,
}

/// The questions to the policy, as far as they can differ in what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// At `PORT` or `EPRT`, before the file is known.
    AtAddress,
    /// At the transfer command.
    AtTransfer,
}

/// Nobody of this name can log in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no user {0}")]
pub struct NoSuchUser(pub String);

/// Explains one configuration. Names are resolved when they are needed and remembered, as in a server.
pub struct Explainer {
    config: Config,
    names: Arc<Names>,
}

impl Explainer {
    /// For `config`.
    pub fn new(config: Config) -> Self {
        Explainer { config, names: Arc::default() }
    }

    /// What a host name stands for; empty if nobody knows.
    pub async fn addresses(&self, name: &str) -> Vec<IpAddr> {
        self.names.addresses(name).await.unwrap_or_default()
    }

    /// Judges a case, as a server would that begins now.
    ///
    /// # Errors
    ///
    /// The user does not exist.
    pub async fn explain(&self, case: &Case<'_>) -> Result<Explanation, NoSuchUser> {
        let config = &self.config;
        let configured = config.users.iter().find(|user| user.name == case.user);
        let anonymous =
            configured.is_none() && is_guest(&Text::lossy(case.user)) && config.anonymous.is_some();
        if configured.is_none() && !anonymous {
            return Err(NoSuchUser(case.user.to_owned()));
        }
        let user = Text::lossy(if anonymous { "anonymous" } else { case.user });
        let view = self.view(case).await;
        let known_at_address = Facts {
            client: view.client,
            user: &user,
            anonymous,
            may_fxp: configured.is_none_or(|user| user.may_fxp),
            way: case.way,
            peer: Some(view.host(case.peer)),
            intent: None,
            protection: case.protection,
            proof: case.proof,
            from: &[],
            meets_itself: false,
        };
        let known_at_transfer = Facts { intent: Some(case.intent), ..known_at_address.clone() };
        let (asked, verdict) = match (case.way, judge(view.rulebook(config), &known_at_address)) {
            // The first no is final.
            (Way::Active(_), denied @ Verdict::Deny(_)) => (Asked::AtAddress, denied),
            _ => (Asked::AtTransfer, judge(view.rulebook(config), &known_at_transfer)),
        };
        let unresolved = view::in_rules(config).into_iter().filter(|name| !view.names.contains_key(*name));
        Ok(Explanation { verdict, asked, unresolved: unresolved.cloned().collect() })
    }

    async fn view(&self, case: &Case<'_>) -> View {
        let client = match case.client {
            Some(ip) => view::client(&self.config, ip.to_canonical()),
            None => somebody_else_than(case.peer),
        };
        View {
            client,
            names: view::resolved(&self.config, &self.names).await,
            announced: view::announced(&self.config, &self.names, case.peer).await,
        }
    }
}

/// A client somewhere in public. Its address is none that a peer can have, for it is of the other family.
fn somebody_else_than(peer: IpAddr) -> Host {
    let ip = match peer.to_canonical() {
        IpAddr::V4(_) => Ipv6Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED.into(),
    };
    Host { ip, scope: Scope::Public, own: false }
}
