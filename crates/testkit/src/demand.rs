//! A test that needs something absent fails in CI and skips loudly at home.

/// Why a test cannot run here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(pub String);

/// The value, or: with `CI` set a panic, without it a loud line on stderr and `None`, on which the
/// test returns.
///
/// # Panics
///
/// In CI, where everything must be there.
pub fn demand<T>(test: &str, value: Result<T, Missing>) -> Option<T> {
    match value {
        Ok(value) => Some(value),
        Err(Missing(what)) if std::env::var_os("CI").is_some() => panic!("{test} cannot run in CI: {what}"),
        Err(Missing(what)) => {
            eprintln!("\n*** SKIPPED {test}: {what}\n");
            None
        }
    }
}

/// Root is needed: the daemons drop privileges and chroot.
///
/// # Errors
///
/// If this process is not root.
pub fn root() -> Result<(), Missing> {
    if rustix::process::geteuid().is_root() { Ok(()) } else { Err(Missing("it needs root".into())) }
}
