//! Becoming somebody else once the ports are bound.
//!
//! Group list, group and user are changed in that order, for the whole process, before its first thread
//! starts; then it is proven that there is no way back. The `nix` crate makes these calls through the C
//! library, which also knows users from beyond `/etc/passwd`.

use anyhow::{Context, anyhow, bail};
use fxp_server::config::RunAs;
use nix::unistd::{Gid, Group, Uid, User, getegid, geteuid, initgroups, setgid, setuid};

/// Whom the process will be.
#[derive(Debug)]
pub(crate) struct Identity {
    name: String,
    user: Uid,
    group: Gid,
}

impl Identity {
    /// Finds the names of the configuration.
    pub(crate) fn find(run_as: &RunAs) -> anyhow::Result<Self> {
        let user = User::from_name(&run_as.user)
            .with_context(|| format!("run_as.user = \"{}\"", run_as.user))?
            .ok_or_else(|| anyhow!("run_as.user: there is no user {}", run_as.user))?;
        let group = match &run_as.group {
            None => user.gid,
            Some(name) => {
                Group::from_name(name)
                    .with_context(|| format!("run_as.group = \"{name}\""))?
                    .ok_or_else(|| anyhow!("run_as.group: there is no group {name}"))?
                    .gid
            }
        };
        if user.uid.is_root() {
            bail!("run_as.user: {} is root; leave run_as out to stay who you are", run_as.user);
        }
        Ok(Identity { name: user.name, user: user.uid, group })
    }

    /// Becomes this user, for good. Whoever is it already stays so.
    pub(crate) fn assume(&self) -> anyhow::Result<()> {
        if geteuid() == self.user && getegid() == self.group {
            return Ok(());
        }
        if !geteuid().is_root() {
            bail!("only root can become {}; start fxpd as root, or leave run_as out", self.name);
        }
        let name = std::ffi::CString::new(self.name.as_str())?;
        let become_it = || {
            initgroups(&name, self.group)?;
            setgid(self.group)?;
            setuid(self.user)
        };
        become_it().with_context(|| format!("cannot become {}", self.name))?;
        if setuid(Uid::from_raw(0)).is_ok() || geteuid() != self.user || getegid() != self.group {
            bail!("became {}, but not for good", self.name);
        }
        Ok(())
    }
}

/// True if the process can do anything to anybody.
pub(crate) fn is_root() -> bool {
    geteuid().is_root()
}
