//! Passwords as the configuration keeps them: argon2id, in the PHC string form.

use std::fmt;
use std::str::FromStr;

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};
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
        PasswordHash::new(&self.0).ok().and_then(|hash| fits(&hash, plain.expose())).unwrap_or(false)
    }

    /// True if a guess costs less than the cheapest of the parameters that OWASP calls equivalent to the
    /// standard ones (7 MiB and five passes: memory times passes).
    pub(crate) fn is_cheap(&self) -> bool {
        self.params().is_none_or(|params| work(&params) < CHEAPEST)
    }

    /// What the hash says about itself.
    fn params(&self) -> Option<Params> {
        Params::try_from(&PasswordHash::new(&self.0).ok()?).ok()
    }

    /// What a check costs, in argon2's own words: hashes that say the same here cost the same.
    pub(crate) fn parameters(&self) -> String {
        self.params()
            .map(|params| format!("m={},t={},p={}", params.m_cost(), params.t_cost(), params.p_cost()))
            .unwrap_or_default()
    }

    /// The PHC string.
    pub fn as_phc(&self) -> &str {
        &self.0
    }

    /// The same parameters, and no password that fits: what an unknown user is checked against, so that
    /// the time of an answer does not tell which users exist.
    pub(crate) fn decoy(&self) -> Self {
        let nobody_knows: [u8; 32] = rand::random();
        Self::make(&nobody_knows, self.params().unwrap_or(Params::DEFAULT)).unwrap_or_else(|| self.clone())
    }
}

/// Whether `plain` hashes to `hash`; `None` if that cannot be computed. The comparison of two [`Output`]s takes
/// the same time wherever they differ.
fn fits(hash: &PasswordHash, plain: &[u8]) -> Option<bool> {
    let (salt, expected) = (hash.salt.as_ref()?, hash.hash.as_ref()?);
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
    let version = hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
    let params = Params::try_from(hash).ok()?;
    #[cfg(test)]
    WORK.with(|done| done.set(done.get() + work(&params)));
    let mut memory = working_memory(params.block_count());
    let mut computed = vec![0; expected.as_bytes().len()];
    Argon2::new(algorithm, version, params)
        .hash_password_into_with_memory(plain, salt.as_ref(), &mut computed, &mut memory)
        .ok()?;
    Some(Output::new(&computed).ok()? == *expected)
}

/// Room for argon2, asked for in a size that the system's allocator takes from the system and gives back at once.
/// What is smaller it may keep for its thread, and a server whose logins are spread over a pool of threads then
/// holds 19 MiB for each of them (seen with glibc: 340 MiB after 20 logins). Pages that are not used cost nothing.
fn working_memory(blocks: usize) -> Vec<Block> {
    let mut memory = Vec::with_capacity(blocks.max(GIVEN_BACK_AT_ONCE / Block::SIZE + 1));
    memory.resize(blocks, Block::default());
    memory
}

/// glibc never raises its `M_MMAP_THRESHOLD` above this (`DEFAULT_MMAP_THRESHOLD_MAX` of mallopt(3)).
const GIVEN_BACK_AT_ONCE: usize = 32 << 20;

/// What a check costs: KiB times passes.
fn work(params: &Params) -> u64 {
    u64::from(params.m_cost()) * u64::from(params.t_cost())
}

/// See [`Password::is_cheap`].
const CHEAPEST: u64 = 7 * 1024 * 5;

#[cfg(test)]
std::thread_local! {
    /// What the checks on this thread have cost.
    pub(crate) static WORK: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_other_programs_are_understood() {
        // The reference implementation's, of "open sesame" with the salt "somesaltsomesalt".
        let hash =
            "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHRzb21lc2FsdA$0Nm7hJuaXCq1nmFHwrptDflIyOzc/pT8O0RiLZ5Z0cg";
        let password: Password = hash.parse().expect("a hash");
        assert!(password.verify(&Secret::new("open sesame")));
        assert!(!password.verify(&Secret::new("open sesame!")));
        assert!(!password.decoy().verify(&Secret::new("open sesame")));
    }

    /// A server checks passwords on many threads, which live on.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_memory_of_a_check_does_not_stay_with_its_thread() {
        const THREADS: usize = 10;
        let password = Password::hash(&Secret::new("x"), Cost::Standard);
        let before = resident();
        let checked = std::sync::Barrier::new(THREADS + 1);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    // Twice: an allocator learns from what was given back the first time.
                    assert!(password.verify(&Secret::new("x")) && password.verify(&Secret::new("x")));
                    checked.wait();
                    checked.wait();
                });
            }
            checked.wait();
            let grown = resident().saturating_sub(before);
            checked.wait();
            assert!(grown < 64 << 20, "{grown} bytes are still held");
        });
    }

    /// Bytes of this process in memory.
    #[cfg(target_os = "linux")]
    fn resident() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") << 10
    }
}
