//! What the TLS library cannot speak is refused with a sentence that says what to change: old versions, short
//! keys, forgotten kinds of keys. pyftpdlib with OpenSSL plays the server of 2005.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fxp_testkit::daemon::{self, PASSWORD, Product, USER};
use fxp_testkit::demand::{Missing, demand};
use fxp_testkit::port;
use tempfile::TempDir;

use crate::fxp::{Fxp, Ran};

/// Which connection is old.
#[derive(Clone, Copy)]
enum Where {
    Control,
    Data,
}

/// Its certificate.
#[derive(Clone, Copy)]
enum Key<'a> {
    /// Self-signed, with these arguments of `openssl req`.
    Own(&'a [&'a str]),
    /// A self-signed one with a DSA key.
    Dsa,
    /// Signed with SHA-1 by the authority in the file `authority`.
    BySha1,
}

/// A server of its age, and a client that trusts its certificate.
struct Old {
    address: SocketAddr,
    fxp: Fxp,
    child: Child,
    folder: TempDir,
}

impl Drop for Old {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Old {
    /// With this certificate; `version` is the newest TLS.
    fn start(test: &str, key: Key<'_>, version: &str, at: Where) -> Option<Old> {
        demand(test, Product::Pyftpdlib.available())?;
        let openssl = Command::new("openssl").arg("version").output().map(drop);
        demand(test, openssl.map_err(|_| Missing("openssl is not in PATH".to_owned())))?;
        let folder = TempDir::with_prefix("fxp-old-tls-").expect("a folder");
        let ip = port::loopback();
        let address = SocketAddr::new(ip, port::free(ip).expect("a port"));
        let pem = certificate(folder.path(), &ip.to_string(), key);
        let script = folder.path().join("server.py");
        std::fs::write(&script, include_str!("old_tls.py")).expect("a script");
        std::fs::create_dir(folder.path().join("root")).expect("a root");
        let mut child = Command::new(daemon::folder().join("python/bin/python"))
            .arg(&script)
            .args([address.ip().to_string(), address.port().to_string()])
            .arg(folder.path().join("root"))
            .args([USER, PASSWORD])
            .arg(&pem)
            .args([version, if matches!(at, Where::Data) { "data" } else { "control" }])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("log")).expect("a log"))
            .spawn()
            .expect("python runs");
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
            let over = child.try_wait().expect("a child").is_some() || Instant::now() > deadline;
            let log = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            assert!(!over, "the server does not answer: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
        let fxp = Fxp::new(&[]);
        fxp.trust(&address.to_string(), &fingerprint(&pem));
        Some(Old { address, fxp, child, folder })
    }

    fn list(&self) -> Ran {
        self.fxp.run(["ls", &format!("ftpes://{USER}@{}/", self.address)])
    }

    /// Refused with exit code 6, in a sentence with `what`, and with `remedy`.
    fn refuses(&self, what: &str, remedy: &str) {
        self.says(&self.list(), what, remedy);
    }

    fn says(&self, ran: &Ran, what: &str, remedy: &str) {
        let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        assert_eq!(ran.code, 6, "{ran:#?}\n{}", log());
        let said = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in [&self.address.ip().to_string(), what, remedy] {
            assert!(said.contains(words), "no {words} in: {said}\n{}", log());
        }
    }
}

fn openssl(arguments: &[&str]) {
    let ran = Command::new("openssl").args(arguments).output().expect("openssl runs");
    assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// A self-signed certificate and its key in one file.
fn certificate(folder: &Path, name: &str, key: Key<'_>) -> PathBuf {
    let file = |name: &str| folder.join(name).to_str().expect("a path of UTF-8").to_owned();
    let (subject, key_file, chain, pem) =
        (format!("/CN={name}"), file("key"), file("certificate"), folder.join("pem"));
    let common = ["-nodes", "-days", "30", "-subj", &subject, "-out", &chain];
    match key {
        Key::Own(key) => openssl(&[&["req", "-x509"], key, &common, &["-keyout", &key_file]].concat()),
        Key::BySha1 => {
            let (authority, authority_key, asked) = (file("authority"), file("authority-key"), file("asked"));
            let own = [
                "req", "-x509", "-newkey", "rsa:2048", "-sha256", "-nodes", "-days", "30", "-subj", "/CN=old",
            ];
            openssl(&[&own[..], &["-out", &authority, "-keyout", &authority_key]].concat());
            let ask = ["req", "-newkey", "rsa:2048", "-nodes", "-subj", &subject, "-keyout", &key_file];
            openssl(&[&ask[..], &["-out", &asked]].concat());
            let names = file("names");
            std::fs::write(&names, format!("subjectAltName=IP:{name}")).expect("a file");
            let by = ["-CA", &authority, "-CAkey", &authority_key, "-extfile", &names, "-out", &chain];
            openssl(&[&["x509", "-req", "-sha1", "-days", "30", "-in", &asked][..], &by[..]].concat());
        }
        Key::Dsa => {
            openssl(&["dsaparam", "-genkey", "-out", &key_file, "1024"]);
            openssl(&[&["req", "-x509", "-new", "-sha256", "-key", &key_file][..], &common[..]].concat());
        }
    }
    let both = [&key_file, &chain].map(|file| std::fs::read_to_string(file).expect("a file"));
    std::fs::write(&pem, both.concat()).expect("a file");
    pem
}

fn fingerprint(pem: &Path) -> String {
    let pem = pem.to_str().expect("a path of UTF-8");
    let ran =
        Command::new("openssl").args(["x509", "-in", pem, "-noout", "-fingerprint", "-sha256"]).output();
    let said = String::from_utf8(ran.expect("openssl runs").stdout).expect("text");
    said.trim().rsplit('=').next().expect("a fingerprint").to_owned()
}

const GOOD: Key<'_> = Key::Own(&["-newkey", "rsa:2048", "-sha256"]);

#[test]
fn a_control_connection_of_tls_1_0_or_1_1() {
    for version in ["1.0", "1.1"] {
        let Some(old) = Old::start("old TLS", GOOD, version, Where::Control) else { return };
        old.refuses("protocol version is TLS 1.1 or older", "TLSProtocol TLSv1.2");
    }
}

/// The server's own word, 522, would say nothing.
#[test]
fn a_data_connection_of_tls_1_0() {
    let Some(old) = Old::start("old TLS", GOOD, "1.0", Where::Data) else { return };
    old.refuses("protocol version is TLS 1.1 or older", "TLSProtocol TLSv1.2");
    let to = old.folder.path().join("copy");
    std::fs::write(old.folder.path().join("root/file"), "text").expect("a file");
    let from = format!("ftpes://{USER}@{}/file", old.address);
    let ran = old.fxp.run(["cp", "--retries", "0", &from, to.to_str().expect("a path of UTF-8")]);
    old.says(&ran, "protocol version is TLS 1.1 or older", "TLSProtocol TLSv1.2");
    assert!(!to.exists());
}

/// Even where its fingerprint was trusted: the key's signatures cannot be checked.
#[test]
fn an_rsa_key_of_1024_bits() {
    let key = ["-newkey", "rsa:1024", "-sha1"];
    let Some(old) = Old::start("old TLS", Key::Own(&key), "1.2", Where::Control) else { return };
    old.refuses("RSA key of 1024 bits", "new certificate");
}

#[test]
fn a_dsa_key() {
    let Some(old) = Old::start("old TLS", Key::Dsa, "1.2", Where::Control) else { return };
    old.refuses("no signature (RSA from 2048 bits", "RSA key of 2048 bits or more");
}

/// The digest under a certificate matters only to who believes its issuer: a certificate that was trusted by its
/// fingerprint works; one that is to be believed for its issuer's sake is refused for it.
#[test]
fn a_certificate_signed_with_sha_1() {
    let key = ["-newkey", "rsa:2048", "-sha1"];
    let Some(old) = Old::start("old TLS", Key::Own(&key), "1.2", Where::Control) else { return };
    let ran = old.list();
    assert_eq!(ran.code, 0, "{ran:#?}");

    let Some(old) = Old::start("old TLS", Key::BySha1, "1.2", Where::Control) else { return };
    let url = format!("ftpes://{USER}@{}/", old.address);
    let stranger = Fxp::new(&[]);
    let ran: Ran = stranger
        .command()
        .args(["ls", &url])
        .env("SSL_CERT_FILE", old.folder.path().join("authority"))
        .output()
        .expect("fxp runs")
        .into();
    old.says(&ran, "signed with SHA-1 or MD5", "a new certificate, signed with SHA-256");
}
