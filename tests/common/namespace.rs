//! Network namespaces: hosts of a test's own.
#![allow(dead_code, reason = "each test program uses its part")]

use std::fs::File;
use std::os::fd::AsFd;
use std::process::Command;

use fxp_testkit::demand::Missing;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Runs `ip` (iproute2).
///
/// # Errors
///
/// If there is none, or the kernel does not allow it.
pub(crate) fn ip(arguments: &[&str]) -> Result<(), Missing> {
    let output = Command::new("ip").args(arguments).output();
    let output = output.map_err(|error| Missing(format!("ip (iproute2): {error}")))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(Missing(format!("ip {}: {said}", arguments.join(" "))))
        }
    }
}

/// The namespace that `ip netns` knows by this name.
pub(crate) fn named(name: &str) -> File {
    File::open(format!("/var/run/netns/{name}")).expect("a namespace")
}

/// Runs `work` on a thread that is in `namespace`; threads and processes that it starts are there too.
pub(crate) fn inside<T: Send>(namespace: &File, work: impl FnOnce() -> T + Send) -> T {
    // The thread never comes back from there, so it is one of its own.
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may");
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
