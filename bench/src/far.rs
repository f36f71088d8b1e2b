//! A network with distances: the client far away from two servers that are near each other. `tools/netlab` makes it.

use std::net::IpAddr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, anyhow, ensure};

use crate::lab::Lab;

/// Round-trip times and rates of the lab, in netlab's words.
const LINES: &[&str] = &["--rtt", "client-a=50ms,client-b=50ms,a-b=20ms", "--rate", "200mbit"];

/// Round-trip time from the client to either server, in milliseconds.
pub(crate) const CLIENT_RTT: u64 = 50;

/// Round-trip time between the servers, in milliseconds.
pub(crate) const SERVER_RTT: u64 = 20;

/// What the tables say about it.
pub(crate) const ABOUT: &str =
    "50 ms from the client to either server, 20 ms between the servers, 200 Mbit/s everywhere";

/// A lab of the hosts `client`, `a` and `b`, each known to `ip netns` by a name.
pub(crate) struct Far {
    client: Host,
    /// The source's.
    pub(crate) a: Host,
    /// The destination's.
    pub(crate) b: Host,
    // Last, so that it goes last.
    lab: Lab,
}

/// A host of the lab.
pub(crate) struct Host {
    /// Its network namespace.
    pub(crate) namespace: String,
    pub(crate) ip: IpAddr,
    /// Holds the namespace open.
    keeper: Child,
}

impl Far {
    /// Brings one up.
    pub(crate) fn up() -> Result<Far> {
        let lab = Lab::up(LINES).map_err(|missing| anyhow!("{}", missing.0))?;
        let host = |name: &str, ip: &str| Host::attach(&lab, name, ip.parse()?);
        let (client, a, b) = (host("client", "10.77.0.1")?, host("a", "10.77.0.2")?, host("b", "10.77.0.3")?);
        Ok(Far { client, a, b, lab })
    }

    /// `command` on the client's host, with the environment that it was given.
    pub(crate) fn on_client(&self, command: &Command) -> Command {
        self.client.run(command)
    }

    /// Packets that have crossed the client's two lines so far, both ways.
    pub(crate) fn packets(&self) -> Result<u64> {
        let count = |pair: &str| -> Result<u64> {
            let output = self.lab.netlab(["stats", pair, "packets"]).output().context("netlab stats")?;
            String::from_utf8_lossy(&output.stdout)
                .trim()
                .parse()
                .with_context(|| format!("packets of {pair}"))
        };
        Ok(count("client-a")? + count("client-b")?)
    }
}

impl Host {
    fn attach(lab: &Lab, name: &str, ip: IpAddr) -> Result<Host> {
        let keeper = lab.on(name, "sleep").arg("infinity").spawn().context("sleep")?;
        let namespace = format!("fxp-bench-{}-{name}", keeper.id());
        let mut host = Host { namespace, ip, keeper };
        // `netlab exec` becomes `sleep` once it is on the host; before, its namespace is still ours.
        let own = std::fs::read_link("/proc/self/ns/net")?;
        let theirs = format!("/proc/{}/ns/net", host.keeper.id());
        while std::fs::read_link(&theirs)? == own {
            ensure!(host.keeper.try_wait()?.is_none(), "netlab exec {name} has ended");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        netns(&["attach", &host.namespace, &host.keeper.id().to_string()])?;
        host.name_the_lab()?;
        Ok(host)
    }

    /// `command` on this host.
    pub(crate) fn run(&self, command: &Command) -> Command {
        let mut inside = Command::new("ip");
        inside
            .args(["netns", "exec", &self.namespace])
            .arg(command.get_program())
            .args(command.get_args())
            .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .stdin(Stdio::null());
        inside
    }

    /// Names for the lab's addresses: some programs look up whoever connects, and nobody answers there.
    fn name_the_lab(&self) -> Result<()> {
        let folder = self.etc();
        std::fs::create_dir_all(&folder)?;
        let own = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
        let hosts = format!(
            "127.0.0.1 localhost\n10.77.0.1 client\n10.77.0.2 a\n10.77.0.3 b\n{} {}\n",
            self.ip,
            own.trim()
        );
        std::fs::write(format!("{folder}/hosts"), hosts)?;
        // No name server, so that a name that is not above is refused at once.
        std::fs::write(format!("{folder}/resolv.conf"), "options attempts:1 timeout:1\n")?;
        Ok(())
    }

    /// What `ip netns exec` shows as `/etc` there.
    fn etc(&self) -> String {
        format!("/etc/netns/{}", self.namespace)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = netns(&["del", &self.namespace]);
        let _ = std::fs::remove_dir_all(self.etc());
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

fn netns(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip").arg("netns").args(arguments).output().context("ip (iproute2)")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip netns {arguments:?}: {said}");
    Ok(())
}
