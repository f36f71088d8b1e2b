//! vsftpd 3.0.3. Its user is a guest (`guest_enable`), mapped to the system's user `daemon`, whom PAM lets
//! in by the service file that `tools/daemons/install` wrote.

use std::net::IpAddr;
use std::process::Command;

use anyhow::Result;

use super::Place;
use super::process::{self, DAEMON, Process};

/// The name of the PAM service; its file lies in `/etc/pam.d`.
pub(super) const PAM_SERVICE: &str = "fxp-interop";

pub(super) fn start(place: &Place<'_>) -> Result<Process> {
    process::adopt(place.root, DAEMON)?;
    let empty = place.folder.join("empty");
    std::fs::create_dir(&empty)?;
    let yes = |on: bool| if on { "YES" } else { "NO" };
    let mut text = format!(
        "{listen}\nbackground=NO\nlisten_port={port}\n\
         anonymous_enable=NO\nlocal_enable=YES\npam_service_name={PAM_SERVICE}\nguest_enable=YES\n\
         guest_username=daemon\nvirtual_use_local_privs=YES\nlocal_root={root}\nchroot_local_user=YES\n\
         nopriv_user=nobody\nsecure_chroot_dir={empty}\nallow_writeable_chroot=YES\nwrite_enable=YES\n\
         local_umask=022\n\
         file_open_mode=0666\nmdtm_write=YES\nuse_localtime=NO\nconnect_from_port_20=NO\nseccomp_sandbox=NO\n\
         pasv_min_port={first}\npasv_max_port={last}\nport_promiscuous={fxp}\npasv_promiscuous={fxp}\n\
         xferlog_enable=YES\ndual_log_enable=YES\nxferlog_file={folder}/xfer.log\nvsftpd_log_file={folder}/vsftpd.log\n\
         log_ftp_protocol=YES\nxferlog_std_format=NO\n",
        listen = match place.address.ip() {
            IpAddr::V4(ip) => format!("listen=YES\nlisten_address={ip}"),
            IpAddr::V6(ip) => format!("listen=NO\nlisten_ipv6=YES\nlisten_address6={ip}"),
        },
        port = place.address.port(),
        root = place.root.display(),
        empty = empty.display(),
        first = place.passive.0,
        last = place.passive.1,
        fxp = yes(place.setup.fxp),
        folder = place.folder.display(),
    );
    if place.setup.tls {
        text += &format!(
            "ssl_enable=YES\nforce_local_data_ssl=NO\nforce_local_logins_ssl=NO\n\
             rsa_cert_file={certificate}\nrsa_private_key_file={key}\nssl_ciphers=HIGH\nrequire_ssl_reuse={reuse}\n",
            certificate = place.identity.certificate.display(),
            key = place.identity.key.display(),
            reuse = yes(place.setup.demand_reuse),
        );
    }
    text.extend(place.more.iter().map(|line| format!("{line}\n")));
    let file = place.folder.join("vsftpd.conf");
    std::fs::write(&file, text)?;
    let mut command = Command::new(super::folder().join("usr/sbin/vsftpd"));
    command.arg(&file);
    process::start(command, place)
}
