//! The products that we know, one row each.

use fxp_proto::client::manners::Queueing;
use fxp_proto::client::names::NameBytes;

use super::Lever::{Never, Setting, Unknown};
use super::Product;

/// Nothing is known: what a row does not mention.
const NONE: Product = Product {
    name: "",
    marks: &[],
    tls_server_only: false,
    idle_pret: false,
    silent: false,
    deaf: false,
    locks: false,
    // Not measured: with care.
    queueing: Queueing::Small,
    names: NameBytes::Unknown,
    allow_active: Unknown,
    allow_passive: Unknown,
    lift_reuse: Unknown,
    trust_peer: None,
    announce: None,
};

/// The table. A mark that is part of another one's text comes later.
pub const PRODUCTS: &[Product] = &[
    Product {
        name: "fxpd",
        queueing: Queueing::Always,
        names: NameBytes::Doubled,
        marks: &["fxpd"],
        allow_active: Setting(FXPD_RULE),
        allow_passive: Setting(FXPD_RULE),
        lift_reuse: Setting("data_tls_reuse = \"off\" in fxpd.toml"),
        announce: Some("passive_address and passive_ports in fxpd.toml"),
        ..NONE
    },
    Product {
        name: "ProFTPD",
        queueing: Queueing::WithTransfer,
        names: NameBytes::Doubled,
        marks: &["proftpd"],
        deaf: true,
        allow_active: Setting(PROFTPD_FOREIGN),
        allow_passive: Setting(PROFTPD_FOREIGN),
        lift_reuse: Setting("TLSOptions NoSessionReuseRequired in proftpd's tls.conf"),
        trust_peer: Some(
            "TLSCACertificateFile with the other server's certificate (or its CA), or TLSVerifyServer off, in proftpd's tls.conf",
        ),
        announce: Some("MasqueradeAddress and PassivePorts in proftpd.conf"),
        ..NONE
    },
    Product {
        name: "vsftpd",
        queueing: Queueing::Always,
        names: NameBytes::Literal,
        marks: &["vsftpd"],
        deaf: true,
        locks: true,
        tls_server_only: true,
        allow_active: Setting("port_promiscuous=YES in vsftpd.conf"),
        allow_passive: Setting("pasv_promiscuous=YES in vsftpd.conf"),
        lift_reuse: Setting("require_ssl_reuse=NO in vsftpd.conf"),
        announce: Some("pasv_address, pasv_min_port and pasv_max_port in vsftpd.conf"),
        ..NONE
    },
    Product {
        name: "Pure-FTPd",
        queueing: Queueing::UpToTransfer,
        names: NameBytes::Literal,
        marks: &["pure-ftpd", "pureftpd"],
        deaf: true,
        tls_server_only: true,
        silent: true,
        allow_active: Setting(PUREFTPD_FOREIGN),
        allow_passive: Setting(PUREFTPD_FOREIGN),
        announce: Some("pure-ftpd's options -P (ForcePassiveIP) and -p (PassivePortRange)"),
        ..NONE
    },
    Product {
        name: "pyftpdlib",
        queueing: Queueing::Small,
        names: NameBytes::OnlyUtf8,
        marks: &["pyftpdlib"],
        tls_server_only: true,
        allow_active: Setting("permit_foreign_addresses = True on the FTPHandler"),
        allow_passive: Setting("permit_foreign_addresses = True on the FTPHandler"),
        announce: Some("masquerade_address and passive_ports on the FTPHandler"),
        ..NONE
    },
    Product {
        name: "FileZilla Server",
        marks: &["filezilla server"],
        tls_server_only: true,
        allow_passive: Never,
        lift_reuse: Never,
        announce: Some("the passive mode page of FileZilla Server's protocol settings"),
        ..NONE
    },
    Product {
        name: "wzdftpd",
        marks: &["wzd server", "wzdftpd"],
        idle_pret: true,
        allow_active: Setting(WZDFTPD_FLAG),
        allow_passive: Setting(WZDFTPD_FLAG),
        ..NONE
    },
    Product {
        name: "DrFTPD",
        marks: &["drftpd"],
        allow_active: Setting(DRFTPD_RULES),
        allow_passive: Setting(DRFTPD_RULES),
        announce: Some("pasv_addr in the slave's slave.conf"),
        ..NONE
    },
    Product {
        name: "glFTPd",
        marks: &["glftpd"],
        allow_active: Setting("the rules allow_fxp in glftpd.conf"),
        allow_passive: Setting("the rules allow_fxp in glftpd.conf"),
        announce: Some("pasv_addr and pasv_ports in glftpd.conf"),
        ..NONE
    },
    Product {
        name: "ebftpd",
        marks: &["ebftpd"],
        allow_active: Setting("the rules allow_fxp in ebftpd.conf"),
        allow_passive: Setting("the rules allow_fxp in ebftpd.conf"),
        announce: Some("pasv_addr and pasv_ports in ebftpd.conf"),
        ..NONE
    },
    Product {
        name: "ioFTPD",
        marks: &["ioftpd"],
        allow_active: Setting(IOFTPD_FLAGS),
        allow_passive: Setting(IOFTPD_FLAGS),
        ..NONE
    },
    Product {
        name: "yatb",
        marks: &["yatb"],
        allow_active: Setting(YATB_LIST),
        allow_passive: Setting(YATB_LIST),
        ..NONE
    },
    Product {
        name: "SFTPGo",
        marks: &["sftpgo"],
        tls_server_only: true,
        allow_active: Setting("active_connections_security: 1 in the ftpd binding of sftpgo's configuration"),
        allow_passive: Setting(
            "passive_connections_security: 1 in the ftpd binding of sftpgo's configuration",
        ),
        announce: Some(
            "force_passive_ip and passive_port_range in the ftpd section of sftpgo's configuration",
        ),
        ..NONE
    },
    Product {
        name: "Microsoft IIS",
        marks: &["microsoft ftp service"],
        tls_server_only: true,
        allow_active: Setting(
            "matchClientAddressForPort=\"false\" in the site's <dataChannelSecurity> (applicationHost.config)",
        ),
        allow_passive: Setting(
            "matchClientAddressForPasv=\"false\" in the site's <dataChannelSecurity> (applicationHost.config)",
        ),
        announce: Some("FTP Firewall Support in the IIS Manager"),
        ..NONE
    },
    Product {
        name: "Serv-U",
        marks: &["serv-u"],
        allow_active: Setting(SERV_U_SETTING),
        allow_passive: Setting(SERV_U_SETTING),
        ..NONE
    },
    Product { name: "Gene6", marks: &["gene6"], ..NONE },
    Product { name: "cuftpd", marks: &["cuftpd"], ..NONE },
    Product { name: "RaidenFTPD", marks: &["raidenftpd"], ..NONE },
];

const FXPD_RULE: &str = "a rule [[fxp.rule]] in fxpd.toml that names the other server's address";
const PROFTPD_FOREIGN: &str =
    "AllowForeignAddress on (or a <Class> with the other server's address) in proftpd.conf";
const PUREFTPD_FOREIGN: &str = "pure-ftpd's option -w (AllowUserFXP yes)";
const WZDFTPD_FLAG: &str = "take the flag F, which forbids FXP, from the user in wzdftpd";
const DRFTPD_RULES: &str = "the rules deny_upfxp and deny_dnfxp in drftpd's perms.conf";
const IOFTPD_FLAGS: &str =
    "the user's flags F (FXP in) and f (FXP out), and the Deny_Port and NoFxp lists, in ioFTPD";
const YATB_LIST: &str = "yatb's lists of FXP partners, by address or by certificate fingerprint";
const SERV_U_SETTING: &str = "switch off \"Block FTP_bounce attacks and FXP\" in Serv-U's settings";
