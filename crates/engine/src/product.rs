//! Server products: how each is recognised, what it cannot do, and the setting that would allow an FXP.
//!
//! One row carries all that is known of a product. What a server *offers* is read from its FEAT; a row
//! only adds what FEAT does not say. Facts are of the Debian 12 packages and of the products' manuals.

mod table;

use fxp_proto::client::manners::Queueing;
use fxp_proto::client::names::NameBytes;
use fxp_proto::grammar::feat::Features;
use fxp_proto::pair::leg::Leg;

pub use table::PRODUCTS;

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
    /// Where it listens it turns other servers away without a word to its client.
    pub silent: bool,
    /// Where it listens it hears no ABOR while it waits for somebody to connect.
    pub deaf: bool,
    /// It locks a file while it stores it, and others who store it wait until that session lets go of it.
    pub locks: bool,
    /// How many commands it bears at once, as far as it was measured.
    pub queueing: Queueing,
    /// What it makes of the bytes of names, as far as it was measured.
    pub names: NameBytes,
    /// What allows foreign addresses where it connects (it gets PORT).
    pub allow_active: Lever,
    /// What allows foreign addresses where it listens (it gets PASV).
    pub allow_passive: Lever,
    /// What lifts the demand that data connections resume the control connection's TLS session.
    pub lift_reuse: Lever,
    /// What makes it, as TLS client, accept the other server's certificate.
    pub trust_peer: Option<&'static str>,
    /// What it announces as its address, and the ports it listens at.
    pub announce: Option<&'static str>,
}

/// How a refusal of a product can be lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lever {
    /// We know of no setting.
    Unknown,
    /// By this setting, named with its file or place.
    Setting(&'static str),
    /// By none: it is built so.
    Never,
}

impl Lever {
    /// The setting, if there is one.
    pub fn setting(self) -> Option<&'static str> {
        match self {
            Lever::Setting(setting) => Some(setting),
            Lever::Unknown | Lever::Never => None,
        }
    }
}

/// What the two servers of a pair are, where they reveal it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Products {
    /// The source.
    pub source: Option<&'static Product>,
    /// The destination.
    pub destination: Option<&'static Product>,
}

impl Products {
    /// What the server of `leg` is.
    pub fn of(&self, leg: Leg) -> Option<&'static Product> {
        match leg {
            Leg::Source => self.source,
            Leg::Destination => self.destination,
        }
    }

    /// `the source (vsftpd)`, or `the source` where it does not say what it is.
    pub fn who(&self, leg: Leg) -> String {
        match self.of(leg) {
            Some(product) => format!("the {leg} ({})", product.name),
            None => format!("the {leg}"),
        }
    }
}

impl Product {
    /// The product that greeting, SYST and FEAT reveal.
    pub fn recognise(banner: &str, system: &str, features: &Features) -> Option<&'static Product> {
        let said = format!("{banner}\n{system}").to_lowercase();
        let by_name = PRODUCTS.iter().find(|product| product.marks.iter().any(|mark| said.contains(mark)));
        by_name.or_else(|| by_features(features))
    }

    /// True if one setting decides about foreign addresses in both roles: where the other server's address was
    /// refused in one, it would be in the other. Not so of fxpd, whose rules may know the other's port and how far
    /// away it is only where fxpd connects.
    pub fn refuses_alike(&self) -> bool {
        self.name != "fxpd"
            && self.allow_active.setting().is_some()
            && self.allow_active == self.allow_passive
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
            ("Serv-U FTP Server v15.4 ready...", "UNIX Type: L8", &[], Some("Serv-U")),
            ("SFTPGo ready", "UNIX Type: L8", &[], Some("SFTPGo")),
            ("(glFTPd 2.08 Linux+TLS) ready.", "UNIX Type: L8", &[], Some("glFTPd")),
            ("Service ready for new user.", "UNIX Type: L8 drftpd", &[], Some("DrFTPD")),
            ("Welcome", "UNIX Type: L8", &["SIZE"], None),
        ];
        for (banner, system, features, expected) in rows {
            let features = features.iter().copied().collect();
            let found = Product::recognise(banner, system, &features).map(|product| product.name);
            assert_eq!(found, *expected, "{banner}");
        }
    }
}
