//! Ceilings in the configuration.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

/// Ceilings. Times are whole seconds in TOML.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Control connections at a time.
    pub sessions: usize,
    /// Control connections at a time from one address (IPv6: one /64).
    pub sessions_per_address: usize,
    /// Sessions at a time of one user; a user's own setting comes first.
    pub sessions_per_user: usize,
    /// Failed logins before a connection is closed.
    pub login_attempts: u32,
    /// Failed logins from one address (IPv6: one /64), on all its connections, before it is banned; 0
    /// bans nobody.
    pub ban_after: u32,
    /// How long a ban lasts, and how long failed logins are remembered.
    #[serde(with = "seconds")]
    pub ban_time: Duration,
    /// Networks that are never banned.
    pub never_ban: Vec<IpNet>,
    /// Time without a login.
    #[serde(with = "seconds")]
    pub login_timeout: Duration,
    /// Time without a command or a running transfer.
    #[serde(with = "seconds")]
    pub idle_timeout: Duration,
    /// Time without a byte during a transfer.
    #[serde(with = "seconds")]
    pub transfer_idle: Duration,
    /// Time for a data connection to come about, counted from the transfer command.
    #[serde(with = "seconds")]
    pub data_timeout: Duration,
    /// The same for connections that we open to a foreign peer: every failure is reported when it is
    /// over, so that its time tells nothing.
    #[serde(with = "seconds")]
    pub foreign_timeout: Duration,
    /// Failed connections to foreign peers that one user may cause in ten minutes: more than a large copy
    /// with bad luck needs, less than a port scan.
    pub foreign_failures: usize,
    /// Password checks at a time.
    pub logins_at_once: usize,
    /// Digests computed at a time.
    pub digests_at_once: usize,
    /// How long running transfers may go on once the server drains.
    #[serde(with = "seconds")]
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            sessions: 1000,
            sessions_per_address: 100,
            sessions_per_user: 100,
            login_attempts: 5,
            ban_after: 10,
            ban_time: Duration::from_secs(900),
            never_ban: loopback(),
            login_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(900),
            transfer_idle: Duration::from_secs(300),
            data_timeout: Duration::from_secs(30),
            foreign_timeout: Duration::from_secs(10),
            foreign_failures: 200,
            logins_at_once: 4,
            digests_at_once: 4,
            drain: Duration::from_secs(300),
        }
    }
}

impl Limits {
    /// So many failed logins ban `ip`; `None` if it is never banned.
    pub(crate) fn ban_after(&self, ip: IpAddr) -> Option<u32> {
        let ip = ip.to_canonical();
        let exempt = self.ban_after == 0 || self.never_ban.iter().any(|net| net.contains(&ip));
        (!exempt).then_some(self.ban_after)
    }

    /// What works but is probably not meant: one sentence each.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        match self.ban_after {
            0 => warnings.push("limits.ban_after = 0: passwords may be guessed without end".to_owned()),
            few @ 1..3 => warnings.push(format!(
                "limits.ban_after = {few}: who mistypes a password so often is locked out for {} seconds",
                self.ban_time.as_secs()
            )),
            _ => {}
        }
        if let Some(net) = self.never_ban.iter().find(|net| net.prefix_len() == 0) {
            warnings.push(format!("limits.never_ban has {net}: none of these addresses is ever banned"));
        }
        if self.login_attempts == 0 {
            warnings.push("limits.login_attempts = 0: the first failed login ends a connection".to_owned());
        }
        warnings
    }
}

/// Behind a proxy or a tunnel on this machine every client comes from here: one who guesses would lock all
/// of them out. Who has a shell here has other ways to guess, and is slowed down like anybody.
fn loopback() -> Vec<IpNet> {
    ["127.0.0.0/8", "::1/128"].map(|net| net.parse().expect("a literal network")).to_vec()
}

/// Durations as whole seconds.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, de::Error};

    /// A year: longer waits are typing errors.
    const MOST: u64 = 366 * 24 * 3600;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        match u64::deserialize(deserializer)? {
            0 => Err(D::Error::custom("0 seconds would end everything at once")),
            seconds if seconds > MOST => Err(D::Error::custom("more than a year; the unit is seconds")),
            seconds => Ok(Duration::from_secs(seconds)),
        }
    }
}
