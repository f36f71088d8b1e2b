//! ProFTPD 1.3.8 with mod_tls and mod_digest.

use std::process::Command;

use anyhow::Result;

use super::process::{self, NOBODY, Process};
use super::{PASSWORD, Place, USER};

pub(super) fn start(place: &Place<'_>) -> Result<Process> {
    process::adopt(place.root, NOBODY)?;
    let daemons = super::folder();
    let users = place.folder.join("users");
    passwd_file(place, &users)?;

    let folder = place.folder.display();
    let mut text = format!(
        "ModulePath {modules}\nLoadModule mod_tls.c\nLoadModule mod_digest.c\n\
         ServerName fxp-interop\nServerType standalone\nDefaultServer on\nUseIPv6 {v6}\n\
         DefaultAddress {ip}\nPort {port}\nSocketBindTight on\nPassivePorts {first} {last}\n\
         User nobody\nGroup nogroup\nAuthUserFile {users}\nAuthOrder mod_auth_file.c\nRequireValidShell off\n\
         DefaultRoot {root}\nUseReverseDNS off\nWtmpLog off\nTransferLog none\nSystemLog {folder}/proftpd.log\n\
         PidFile {folder}/pid\nScoreboardFile {folder}/scoreboard\nDelayEngine off\nTimesGMT on\nUmask 022\n\
         AllowOverwrite on\nAllowStoreRestart on\nAllowRetrieveRestart on\nMaxInstances 60\n\
         AllowForeignAddress {foreign}\n",
        modules = daemons.join("usr/lib/proftpd").display(),
        v6 = if place.address.is_ipv6() { "on" } else { "off" },
        ip = place.address.ip(),
        port = place.address.port(),
        first = place.passive.0,
        last = place.passive.1,
        users = users.display(),
        root = place.root.display(),
        foreign = if place.setup.fxp { "on" } else { "off" },
    );
    if place.setup.tls {
        text += &format!(
            "TLSEngine on\nTLSLog {folder}/tls.log\nTLSRequired off\nTLSProtocol TLSv1.2 TLSv1.3\n\
             TLSECCertificateFile {certificate}\nTLSECCertificateKeyFile {key}\nTLSCACertificateFile {authority}\n\
             TLSVerifyClient off\nTLSOptions {reuse}\n",
            certificate = place.identity.certificate.display(),
            key = place.identity.key.display(),
            authority = place.identity.authority.display(),
            reuse = if place.setup.demand_reuse { "NoEmptyFragments" } else { "NoSessionReuseRequired" },
        );
    }
    text.extend(place.more.iter().map(|line| format!("{line}\n")));
    let file = place.folder.join("proftpd.conf");
    std::fs::write(&file, text)?;
    let mut command = Command::new(daemons.join("usr/sbin/proftpd"));
    command.arg("--nodaemon").arg("--config").arg(&file);
    process::start(command, place)
}

/// A password file in the form of passwd(5).
fn passwd_file(place: &Place<'_>, path: &std::path::Path) -> Result<()> {
    let hash = process::crypt(PASSWORD)?;
    let line = format!("{USER}:{hash}:{NOBODY}:{NOBODY}::{}:/bin/false\n", place.root.display());
    std::fs::write(path, line)?;
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(())
}
