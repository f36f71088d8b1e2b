//! Passwords as the configuration keeps them: argon2id, in the PHC string form.

use std::fmt;
use std::str::FromStr;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use fxp_store::Secret;
use serde::{Deserialize, Deserializer, de};

/// An argon2id hash. `Debug` shows `***`; [`Password::as_phc`] is for writing it into a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// How much work a guess costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// 19 MiB and two passes, as OWASP advises: some 20 ms.
    Standard,
    /// 64 KiB and one pass: for random passwords that live as long as the process (demos, tests), which
    /// nobody can guess anyway.
    Light,
}

/// Not an argon2id hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an argon2id hash ($argon2id$v=19$...); make one with: fxpd passwd")]
pub struct BadPassword;

impl Password {
    /// Hashes `plain` with a fresh random salt.
    pub fn hash(plain: &Secret, cost: Cost) -> Self {
        let params = match cost {
            Cost::Standard => Params::DEFAULT,
            Cost::Light => {
                Params::new(64, 1, 1, None).expect("64 KiB and one pass are within argon2's bounds")
            }
        };
        let hash = Self::make(plain.expose(), params);
        hash.expect("any password, a salt of 16 bytes and these parameters can be hashed")
    }

    fn make(plain: &[u8], params: Params) -> Option<Self> {
        let salt: [u8; SALT_BYTES] = rand::random();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash: PasswordHash = argon2.hash_password_with_salt(plain, &salt).ok()?;
        Some(Password(hash.to_string()))
    }

    /// True if `plain` is the password. Takes the time that the hash's own parameters demand.
    pub fn verify(&self, plain: &Secret) -> bool {
        PasswordHash::new(&self.0)
            .is_ok_and(|hash| Argon2::default().verify_password(plain.expose(), &hash).is_ok())
    }

    /// The PHC string.
    pub fn as_phc(&self) -> &str {
        &self.0
    }

    /// The same parameters, and no password that fits: what an unknown user is checked against, so that
    /// the time of an answer does not tell which users exist.
    pub(crate) fn decoy(&self) -> Self {
        let params = PasswordHash::new(&self.0).ok().and_then(|hash| Params::try_from(&hash).ok());
        let nobody_knows: [u8; 32] = rand::random();
        Self::make(&nobody_knows, params.unwrap_or(Params::DEFAULT)).unwrap_or_else(|| self.clone())
    }
}

/// 128 bits: no two users share a salt.
const SALT_BYTES: usize = 16;

impl FromStr for Password {
    type Err = BadPassword;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hash = PasswordHash::new(text).map_err(|_| BadPassword)?;
        let whole = hash.salt.is_some() && hash.hash.is_some();
        let sane = hash.algorithm.as_str() == Algorithm::Argon2id.as_str() && Params::try_from(&hash).is_ok();
        if whole && sane { Ok(Password(text.to_owned())) } else { Err(BadPassword) }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// What is no text is somebody's password of digits, and is not quoted either.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Other(de::IgnoredAny),
        }
        match Written::deserialize(deserializer)? {
            Written::Text(text) => text.parse().map_err(de::Error::custom),
            Written::Other(_) => Err(de::Error::custom(BadPassword)),
        }
    }
}
