//! Server products: how each is recognised, what it cannot do, and the setting that would allow an FXP.
//!
//! One row carries all that is known of a product. What a server *offers* is read from its FEAT; a row
//! only adds what FEAT does not say. Facts are of the Debian 12 packages and of the products' manuals.

use fxp_proto::grammar::feat::Features;

/// A server product.
#[derive(Debug, PartialEq, Eq)]
pub struct Product {
    /// As its makers write it.
    pub name: &'static str,
    /// Any of these (in lower case) in greeting, SYST or FEAT gives it away.
    marks: &'static [&'static str],
    /// It is always TLS server on data connections: no CPSV, no SSCN, in any version. Its partner in a
    /// protected FXP must be able to play TLS client.
    pub tls_server_only: bool,
    /// It lists PRET but does nothing with it: a round trip can be saved.
    pub idle_pret: bool,
    /// What allows foreign addresses where it connects (it gets PORT).
    pub allow_active: Option<&'static str>,
    /// What allows foreign addresses where it listens (it gets PASV).
    pub allow_passive: Option<&'static str>,
    /// What lifts the demand that data connections resume the control connection's TLS session.
    pub lift_reuse: Option<&'static str>,
    /// What makes it, as TLS client, accept the other server's certificate.
    pub trust_peer: Option<&'static str>,
}

impl Product {
    /// The product that greeting, SYST and FEAT reveal.
    pub fn recognise(banner: &str, system: &str, features: &Features) -> Option<&'static Product> {
        let said = format!("{banner}\n{system}").to_lowercase();
        let by_name = PRODUCTS.iter().find(|product| product.marks.iter().any(|mark| said.contains(mark)));
        by_name.or_else(|| by_features(features))
    }
}

/// Products whose FEAT is a signature of its own, for servers whose greeting was changed.
fn by_features(features: &Features) -> Option<&'static Product> {
    let all = |names: &[&str]| names.iter().all(|name| features.has(name));
    let name = if all(&["ESTA", "ESTP"]) {
        "Pure-FTPd"
    } else if all(&["CPSV", "SSCN", "PRET", "XCRC", "XMD5"]) && !features.has("MLST") {
        "wzdftpd"
    } else {
        return None;
    };
    PRODUCTS.iter().find(|product| product.name == name)
}

const NONE: Product = Product {
    name: "",
    marks: &[],
    tls_server_only: false,
    idle_pret: false,
    allow_active: None,
    allow_passive: None,
    lift_reuse: None,
    trust_peer: None,
};

const FXPD_RULE: &str = "a rule [[fxp.rule]] in fxpd.toml that names the other server's address";

/// The table.
pub const PRODUCTS: &[Product] = &[
    Product {
        name: "fxpd",
        marks: &["fxpd"],
        allow_active: Some(FXPD_RULE),
        allow_passive: Some(FXPD_RULE),
        lift_reuse: Some("data_tls_reuse = \"off\" in fxpd.toml"),
        ..NONE
    },
    Product {
        name: "ProFTPD",
        marks: &["proftpd"],
        allow_active: Some(
            "AllowForeignAddress on (or a <Class> with the other server's address) in proftpd.conf",
        ),
        allow_passive: Some(
            "AllowForeignAddress on (or a <Class> with the other server's address) in proftpd.conf",
        ),
        lift_reuse: Some("TLSOptions NoSessionReuseRequired in proftpd's tls.conf"),
        trust_peer: Some(
            "TLSCACertificateFile with the other server's certificate (or its CA), or TLSVerifyServer off, in proftpd's tls.conf",
        ),
        ..NONE
    },
    Product {
        name: "vsftpd",
        marks: &["vsftpd"],
        tls_server_only: true,
        allow_active: Some("port_promiscuous=YES in vsftpd.conf"),
        allow_passive: Some("pasv_promiscuous=YES in vsftpd.conf"),
        lift_reuse: Some("require_ssl_reuse=NO in vsftpd.conf"),
        ..NONE
    },
    Product {
        name: "Pure-FTPd",
        marks: &["pure-ftpd", "pureftpd"],
        tls_server_only: true,
        allow_active: Some("pure-ftpd's option -w (AllowUserFXP yes)"),
        allow_passive: Some("pure-ftpd's option -w (AllowUserFXP yes)"),
        ..NONE
    },
    Product {
        name: "pyftpdlib",
        marks: &["pyftpdlib"],
        tls_server_only: true,
        allow_active: Some("permit_foreign_addresses = True on the FTPHandler"),
        allow_passive: Some("permit_foreign_addresses = True on the FTPHandler"),
        ..NONE
    },
    Product {
        name: "FileZilla Server",
        marks: &["filezilla server"],
        tls_server_only: true,
        lift_reuse: None,
        allow_passive: None,
        ..NONE
    },
    Product {
        name: "wzdftpd",
        marks: &["wzd server", "wzdftpd"],
        idle_pret: true,
        allow_active: Some("the user flag F (site chgflag USER +F) in wzdftpd"),
        allow_passive: Some("the user flag F (site chgflag USER +F) in wzdftpd"),
        ..NONE
    },
    Product {
        name: "DrFTPD",
        marks: &["drftpd"],
        allow_active: Some("the rules deny_upfxp and deny_dnfxp in drftpd's perms.conf"),
        allow_passive: Some("the rules deny_upfxp and deny_dnfxp in drftpd's perms.conf"),
        ..NONE
    },
    Product {
        name: "glFTPd",
        marks: &["glftpd"],
        allow_active: Some("the rules allow_fxp in glftpd.conf"),
        allow_passive: Some("the rules allow_fxp in glftpd.conf"),
        ..NONE
    },
    Product {
        name: "ebftpd",
        marks: &["ebftpd"],
        allow_active: Some("the rules allow_fxp in ebftpd.conf"),
        allow_passive: Some("the rules allow_fxp in ebftpd.conf"),
        ..NONE
    },
    Product {
        name: "ioFTPD",
        marks: &["ioftpd"],
        allow_active: Some("the user flags F and f in ioFTPD"),
        allow_passive: Some("the user flags F and f in ioFTPD"),
        ..NONE
    },
    Product {
        name: "SFTPGo",
        marks: &["sftpgo"],
        tls_server_only: true,
        allow_active: Some("active_connections_security: 1 in sftpgo's ftpd binding"),
        allow_passive: Some("passive_connections_security: 1 in sftpgo's ftpd binding"),
        ..NONE
    },
    Product { name: "Microsoft IIS", marks: &["microsoft ftp service"], tls_server_only: true, ..NONE },
    Product { name: "Serv-U", marks: &["serv-u"], ..NONE },
    Product { name: "Gene6", marks: &["gene6"], ..NONE },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_give_themselves_away() {
        let rows: &[(&str, &str, &[&'static str], Option<&str>)] = &[
            ("ProFTPD Server (Debian) [::ffff:10.0.0.1]", "UNIX Type: L8", &[], Some("ProFTPD")),
            ("(vsFTPd 3.0.3)", "UNIX Type: L8", &[], Some("vsftpd")),
            ("---------- Welcome to Pure-FTPd [privsep] [TLS] ----------", "", &[], Some("Pure-FTPd")),
            ("hello", "", &["EPRT", "ESTA", "ESTP", "PRET"], Some("Pure-FTPd")),
            ("wzd server ready.", "UNIX Type: L8", &[], Some("wzdftpd")),
            ("hello", "", &["CPSV", "SSCN", "PRET", "XCRC", "XMD5"], Some("wzdftpd")),
            ("pyftpdlib 2.2.0 ready.", "", &[], Some("pyftpdlib")),
            ("FileZilla Server 1.8.2", "", &[], Some("FileZilla Server")),
            ("Microsoft FTP Service", "Windows_NT", &[], Some("Microsoft IIS")),
            ("Welcome", "UNIX Type: L8", &["SIZE"], None),
        ];
        for (banner, system, features, expected) in rows {
            let features = features.iter().copied().collect();
            let found = Product::recognise(banner, system, &features).map(|product| product.name);
            assert_eq!(found, *expected, "{banner}");
        }
    }
}
