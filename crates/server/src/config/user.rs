//! Users in the configuration file.

use std::fmt;
use std::num::NonZero;
use std::path::PathBuf;

use fxp_store::Secret;
use fxp_store::account::Rights;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};

use super::network::TlsNeed;
use super::password::{Cost, Password};

/// One user.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The name.
    pub name: String,
    /// The hash of the password.
    pub password: Password,
    /// The directory that the user sees as `/`.
    pub home: PathBuf,
    /// What may be done there.
    #[serde(default = "full", deserialize_with = "rights")]
    pub rights: Rights,
    /// When an upload appears under its name.
    #[serde(default)]
    pub upload: Upload,
    /// Where the user may come from; empty is everywhere.
    #[serde(default)]
    pub from: Vec<IpNet>,
    /// Must the control connection be protected for this login?
    #[serde(default)]
    pub tls: TlsNeed,
    /// False: no foreign peers, whatever the rules say.
    #[serde(default = "yes")]
    pub may_fxp: bool,
    /// Sessions at a time; left out: `limits.sessions_per_user`.
    pub sessions: Option<usize>,
    /// Bytes a second of all the user's file transfers together; left out: as fast as it goes.
    pub rate: Option<NonZero<u64>>,
}

impl User {
    /// A user with all rights and a throwaway password (see [`Cost::Light`]): for demos and tests.
    pub fn throwaway(name: impl Into<String>, password: &Secret, home: impl Into<PathBuf>) -> Self {
        User {
            name: name.into(),
            password: Password::hash(password, Cost::Light),
            home: home.into(),
            rights: Rights::FULL,
            upload: Upload::default(),
            from: Vec::new(),
            tls: TlsNeed::Offered,
            may_fxp: true,
            sessions: None,
            rate: None,
        }
    }
}

impl User {
    /// What works but is probably not meant.
    pub(super) fn warning(&self) -> Option<String> {
        self.password.is_cheap().then(|| {
            format!(
                "the password of {} is hashed so cheaply that a stolen hash is soon guessed; `fxpd passwd` makes another",
                self.name
            )
        })
    }
}

/// Guests: `anonymous` and `ftp` with any password.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anonymous {
    /// The directory that they see as `/`.
    pub home: PathBuf,
    /// What they may do there.
    #[serde(default = "read_only", deserialize_with = "rights")]
    pub rights: Rights,
    /// When an upload appears under its name.
    #[serde(default)]
    pub upload: Upload,
    /// Sessions of all guests together; left out: `limits.sessions_per_user`.
    pub sessions: Option<usize>,
    /// Bytes a second of all guests' file transfers together; left out: as fast as it goes.
    pub rate: Option<NonZero<u64>>,
}

/// When an upload appears under its name.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Upload {
    /// From its first byte on: ordinary clients resume that way.
    #[default]
    Inplace,
    /// When it is complete.
    Atomic,
}

fn yes() -> bool {
    true
}

fn full() -> Rights {
    Rights::FULL
}

fn read_only() -> Rights {
    Rights::READ_ONLY
}

/// `"full"`, `"read_only"`, `"list"`, or a list of `read`, `list`, `write`, `overwrite`, `delete`, `change`.
fn rights<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Rights, D::Error> {
    struct Visitor;
    impl<'de> de::Visitor<'de> for Visitor {
        type Value = Rights;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("\"full\", \"read_only\", \"list\", or a list of single rights")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Rights, E> {
            match text {
                "full" => Ok(Rights::FULL),
                "read_only" => Ok(Rights::READ_ONLY),
                "list" => Ok(Rights { list: true, ..NONE }),
                _ => Err(E::custom(format!("no such rights: \"{text}\" (full, read_only, list)"))),
            }
        }

        fn visit_seq<S: de::SeqAccess<'de>>(self, mut words: S) -> Result<Rights, S::Error> {
            let mut rights = NONE;
            while let Some(word) = words.next_element::<String>()? {
                grant(&mut rights, &word)
                    .ok_or_else(|| de::Error::custom(format!("no such right: \"{word}\"")))?;
            }
            Ok(rights)
        }
    }
    deserializer.deserialize_any(Visitor)
}

fn grant(rights: &mut Rights, word: &str) -> Option<()> {
    let right = match word {
        "read" => &mut rights.read,
        "list" => &mut rights.list,
        "write" => &mut rights.write,
        "overwrite" => &mut rights.overwrite,
        "delete" => &mut rights.delete,
        "change" => &mut rights.change,
        _ => return None,
    };
    *right = true;
    Some(())
}

const NONE: Rights =
    Rights { read: false, list: false, write: false, overwrite: false, delete: false, change: false };
