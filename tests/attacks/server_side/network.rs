//! Hosts of a lab: stepping into their network, and counting the connections that a server opens there.

use std::fs::File;
use std::process::{Child, Stdio};

use super::stage::until;
use crate::lab::Lab;
use crate::namespace::inside;

/// Somebody on a host of a lab, so that the host can be entered.
pub(crate) struct Resident(Child);

impl Resident {
    /// Moves in.
    pub(crate) fn of(lab: &Lab, host: &str) -> Resident {
        let child = lab.on(host, "sleep").arg("600").stdout(Stdio::null()).spawn().expect("sleep runs");
        let resident = Resident(child);
        let here = std::fs::read_link("/proc/self/ns/net").expect("a network");
        until("a resident of the host", || {
            std::fs::read_link(format!("/proc/{}/ns/net", resident.id())).is_ok_and(|there| there != here)
        });
        resident
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Does `work` in the network of a process: its sockets are that host's.
pub(crate) fn in_network_of<T: Send>(process: u32, work: impl FnOnce() -> T + Send) -> T {
    inside(&File::open(format!("/proc/{process}/ns/net")).expect("a network"), work)
}

/// How many TCP connections the network of a process has begun to open: one for each first SYN, whatever
/// became of it.
pub(crate) fn connections_begun(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/net/snmp")).expect("the kernel counts");
    let mut rows = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, numbers) = (rows.next().expect("names"), rows.next().expect("numbers"));
    let at = names.split(' ').position(|name| name == "ActiveOpens").expect("the counter");
    numbers.split(' ').nth(at).and_then(|number| number.parse().ok()).expect("a number")
}
