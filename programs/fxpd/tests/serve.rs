//! The real program: it starts, serves over TCP and TLS, takes up a new configuration, and stops in order.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Far beyond what anything here takes; a test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

const PASSWORD: &str = "open sesame";

/// A directory with what `fxpd init` makes, a user with a home, and a configuration to be changed.
struct Place {
    directory: TempDir,
    hash: String,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let init = fxpd().arg("init").arg(directory.path()).output().unwrap();
        assert!(init.status.success(), "{init:?}");
        fs::create_dir(directory.path().join("home")).unwrap();
        let mut passwd = fxpd().arg("passwd").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        passwd.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
        let hash = String::from_utf8(passwd.wait_with_output().unwrap().stdout).unwrap().trim().to_owned();
        let place = Place { directory, hash };
        place.configure("required", &["alice"], "");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a configuration that listens on free ports of the loopback.
    fn configure(&self, tls: &str, users: &[&str], more: &str) {
        let mut text = format!(
            "listen = [\"127.0.0.1:0\", {{ address = \"127.0.0.1:0\", tls = \"implicit\" }}]\n\
             banner = \"a server under test\"\n\
             [tls]\ncertificate = \"certificate.pem\"\nkey = \"key.pem\"\ncontrol = \"{tls}\"\ndata = \"{tls}\"\n"
        );
        for name in users {
            text += &format!("[[user]]\nname = \"{name}\"\npassword = \"{}\"\nhome = \"home\"\n", self.hash);
        }
        fs::write(self.path("fxpd.toml"), text + more).unwrap();
    }

    fn start(&self) -> Running {
        let mut child = fxpd()
            .args(["--log", "json", "--config"])
            .arg(self.path("fxpd.toml"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, log) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                println!("fxpd: {line}");
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut running = Running { child, log, explicit: nowhere, implicit: nowhere };
        // In whatever order they come.
        for _ in 0..2 {
            let line = running.wait_for("\"message\":\"listening\"");
            let (_, address) = line.split_once("\"address\":\"").unwrap();
            let address = address.split('"').next().unwrap().parse().unwrap();
            match line.contains("\"implicit_tls\":true") {
                true => running.implicit = address,
                false => running.explicit = address,
            }
        }
        running
    }
}

/// A server process, killed at the end of the test whatever happens.
struct Running {
    child: Child,
    log: Receiver<String>,
    /// Where TLS begins at AUTH TLS.
    explicit: SocketAddr,
    /// Where it begins at once.
    implicit: SocketAddr,
}

impl Running {
    /// The next log line that contains `words`.
    #[track_caller]
    fn wait_for(&self, words: &str) -> String {
        loop {
            let line =
                self.log.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("the log never says {words}"));
            if line.contains(words) {
                return line;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn wait(mut self) -> ExitStatus {
        self.wait_for("\"message\":\"stopped\"");
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn curl_stores_and_fetches_over_explicit_and_implicit_tls() {
    let Some(curl) = curl() else { return };
    let place = Place::new();
    let running = place.start();
    let content: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    fs::write(place.path("local"), &content).unwrap();
    for (address, scheme) in [(running.explicit, "ftp"), (running.implicit, "ftps")] {
        let url = format!("{scheme}://{address}/{scheme}-file");
        let output = curl(&["--insecure", "--upload-file", place.path("local").to_str().unwrap(), &url]);
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        assert_eq!(fs::read(place.path("home").join(format!("{scheme}-file"))).unwrap(), content);
        let output = curl(&["--insecure", &url]);
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        assert!(output.stdout == content, "{} of {} bytes", output.stdout.len(), content.len());
        let output = curl(&["--insecure", "--list-only", &format!("{scheme}://{address}/")]);
        assert!(String::from_utf8(output.stdout).unwrap().contains(&format!("{scheme}-file")));
    }
    // No log line tells the password.
    running.signal(Signal::TERM);
    while let Ok(line) = running.log.recv_timeout(PATIENCE) {
        assert!(!line.contains(PASSWORD) && !line.contains("argon2"), "{line}");
    }
}

/// `control = "required"`: USER in clear is refused before a password could be sent.
#[test]
fn nobody_logs_in_in_clear_where_tls_is_required() {
    let place = Place::new();
    let running = place.start();
    let mut session = Session::open(running.explicit);
    assert!(session.greeting.contains("a server under test"), "{}", session.greeting);
    let answer = session.ask("USER alice");
    assert!(answer.starts_with("5") || answer.starts_with("4"), "{answer}");
}

#[test]
fn sighup_takes_up_new_users_and_survives_a_broken_configuration() {
    let place = Place::new();
    place.configure("offered", &["alice"], "");
    let running = place.start();
    let mut before = Session::open(running.explicit);
    assert!(!Session::open(running.explicit).login("bob"));

    place.configure("offered", &["alice", "bob"], "");
    running.signal(Signal::HUP);
    running.wait_for("configuration read again");
    assert!(Session::open(running.explicit).login("bob"));
    // Whoever was there stays there.
    assert!(before.ask("NOOP").starts_with("2"));

    fs::write(place.path("fxpd.toml"), "nonsense = 1").unwrap();
    running.signal(Signal::HUP);
    running.wait_for("the old configuration stays");
    assert!(Session::open(running.explicit).login("bob"));
}

/// A client that trusts the certificate that `fxpd init` makes, and it alone, is served; after SIGHUP it
/// is the other certificate that is shown.
#[test]
fn sighup_takes_up_a_new_certificate() {
    let Some(curl) = curl() else { return };
    let (place, other) = (Place::new(), Place::new());
    let running = place.start();
    let url = format!("ftps://localhost:{}/", running.implicit.port());
    let trusting = |place: &Place| {
        curl(&["--ipv4", "--cacert", place.path("certificate.pem").to_str().unwrap(), &url]).code
    };
    const UNTRUSTED: Option<i32> = Some(60);
    assert_eq!((trusting(&place), trusting(&other)), (Some(0), UNTRUSTED));

    let old = fs::read(place.path("certificate.pem")).unwrap();
    for name in ["certificate.pem", "key.pem"] {
        fs::copy(other.path(name), place.path(name)).unwrap();
    }
    running.signal(Signal::HUP);
    running.wait_for("configuration read again");
    assert_eq!(trusting(&other), Some(0));
    fs::write(place.path("certificate.pem"), old).unwrap();
    assert_eq!(trusting(&place), UNTRUSTED);

    // A certificate that does not fit its key changes nothing.
    running.signal(Signal::HUP);
    running.wait_for("the old configuration stays");
    assert_eq!(trusting(&other), Some(0));
}

#[test]
fn sighup_reopens_the_log_file() {
    let place = Place::new();
    let logged = place.path("fxpd.log");
    place.configure("offered", &["alice"], "[log]\nfile = \"fxpd.log\"\n");
    // Logging to a file leaves stderr silent: the file is what there is to wait for.
    let mut child = fxpd().arg("--config").arg(place.path("fxpd.toml")).spawn().unwrap();
    wait_until(|| fs::read_to_string(&logged).is_ok_and(|log| log.matches("listening").count() == 2));
    fs::rename(&logged, place.path("fxpd.log.1")).unwrap();
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    wait_until(|| fs::read_to_string(&logged).is_ok_and(|log| log.contains("configuration read again")));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// `upload = "atomic"`: an interrupted upload is not seen, and goes on where it was.
#[test]
fn an_interrupted_atomic_upload_is_hidden_and_resumed() {
    let place = Place::new();
    place.configure("offered", &["alice"], "upload = \"atomic\"\n");
    let running = place.start();
    let mut session = Session::open(running.explicit);
    assert!(session.login("alice"));
    let mut data = session.transfer("STOR file");
    data.write_all(b"first half, ").unwrap();
    let hidden = place.path("home/.file.fxpd-part");
    wait_until(|| fs::metadata(&hidden).is_ok_and(|file| file.len() == 12));
    assert!(session.ask("ABOR").starts_with("426"));
    assert!(session.reply().starts_with("226"));
    assert!(!place.path("home/file").exists());
    assert!(session.ask("SIZE file").starts_with("550"));

    assert!(session.ask("REST 13").starts_with("350"));
    assert!(session.ask("EPSV").starts_with("229"));
    assert!(session.ask("STOR file").starts_with("5"), "resumed behind the end");
    assert!(session.ask("REST 12").starts_with("350"));
    let mut data = session.transfer("STOR file");
    data.write_all(b"second half").unwrap();
    drop(data);
    assert!(session.reply().starts_with("226"));
    assert_eq!(fs::read(place.path("home/file")).unwrap(), b"first half, second half");
    assert!(!hidden.exists());
}

/// A running transfer ends, its session is told, nobody new is let in.
#[test]
fn sigterm_drains() {
    const SIZE: u64 = 64 << 20;
    let place = Place::new();
    place.configure("offered", &["alice"], "");
    let file = fs::File::create(place.path("home/large")).unwrap();
    file.set_len(SIZE).unwrap();
    let running = place.start();
    let address = running.explicit;
    let mut session = Session::open(address);
    assert!(session.login("alice"));
    let mut data = session.retrieve("large");
    let mut first = [0; 1000];
    data.read_exact(&mut first).unwrap();

    running.signal(Signal::TERM);
    running.wait_for("waiting for running transfers");
    // The listener is closed soon after; until then a newcomer may be let in only to be sent away.
    wait_until(|| TcpStream::connect(address).is_err());
    let mut rest = Vec::new();
    data.read_to_end(&mut rest).unwrap();
    assert_eq!(rest.len() as u64 + first.len() as u64, SIZE);
    drop(data);
    assert!(session.reply().starts_with("226"));
    assert!(session.reply().starts_with("421"));
    assert_eq!(running.wait().code(), Some(0));
}

/// Somebody who does not read must not keep an operator who says it twice.
#[test]
fn a_second_signal_stops_at_once() {
    let place = Place::new();
    place.configure("offered", &["alice"], "");
    fs::File::create(place.path("home/large")).unwrap().set_len(64 << 20).unwrap();
    let running = place.start();
    let mut session = Session::open(running.explicit);
    assert!(session.login("alice"));
    let _unread = session.retrieve("large");
    running.signal(Signal::TERM);
    running.wait_for("waiting for running transfers");
    running.signal(Signal::INT);
    running.wait_for("told to stop again");
    assert_eq!(running.wait().code(), Some(0));
}

#[test]
fn a_port_that_is_taken_is_exit_code_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = Place::new();
    let text = format!("listen = [\"{}\"]", taken.local_addr().unwrap());
    fs::write(place.path("fxpd.toml"), text).unwrap();
    let output = fxpd().arg("--config").arg(place.path("fxpd.toml")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&taken.local_addr().unwrap().to_string()));
}

/// As root: every thread is somebody else, with no way back, and so is the owner of what is stored.
#[test]
fn privileges_are_dropped_for_good() {
    if !rustix::process::geteuid().is_root() {
        return skip("only root can become somebody else");
    }
    let nobody = "nobody";
    let place = Place::new();
    place.configure("offered", &["alice"], &format!("[run_as]\nuser = \"{nobody}\"\n"));
    // `nobody` needs a way in, and a home of its own.
    fs::set_permissions(place.directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let home = place.path("home");
    let status = Command::new("chown").arg(nobody).arg(&home).status().unwrap();
    assert!(status.success());
    let owner = fs::metadata(&home).unwrap().uid();
    assert_ne!(owner, 0);

    let running = place.start();
    for task in fs::read_dir(format!("/proc/{}/task", running.child.id())).unwrap() {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        for line in status.lines() {
            if let Some(ids) = line.strip_prefix("Uid:") {
                assert!(ids.split_whitespace().all(|id| id == owner.to_string()), "{line}");
            }
            if let Some(capabilities) = line.strip_prefix("CapEff:").or(line.strip_prefix("CapPrm:")) {
                assert_eq!(capabilities.trim().trim_start_matches('0'), "", "{line}");
            }
        }
    }
    let mut session = Session::open(running.explicit);
    assert!(session.login("alice"));
    assert!(session.ask("MKD made").starts_with("257"));
    assert_eq!(fs::metadata(home.join("made")).unwrap().uid(), owner);
    // What `fxpd init` wrote is root's alone and cannot be read again.
    running.signal(Signal::HUP);
    running.wait_for("the old configuration stays");
    assert!(session.ask("NOOP").starts_with("200"));
}

/// A control connection in clear, line by line.
struct Session {
    lines: BufReader<TcpStream>,
    greeting: String,
}

impl Session {
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut session = Session { lines: BufReader::new(stream), greeting: String::new() };
        session.greeting = session.reply();
        session
    }

    /// The last line of the next reply.
    fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "the server hung up");
            println!("S: {}", line.trim_end());
            if line.len() > 3
                && line.as_bytes()[..3].iter().all(u8::is_ascii_digit)
                && line.as_bytes()[3] == b' '
            {
                return line.trim_end().to_owned();
            }
        }
    }

    fn ask(&mut self, command: &str) -> String {
        self.lines.get_mut().write_all(format!("{command}\r\n").as_bytes()).unwrap();
        self.reply()
    }

    fn login(&mut self, user: &str) -> bool {
        self.ask(&format!("USER {user}"));
        self.ask(&format!("PASS {PASSWORD}")).starts_with("230") && self.ask("TYPE I").starts_with("200")
    }

    /// The data connection of a RETR that has begun.
    fn retrieve(&mut self, name: &str) -> TcpStream {
        self.transfer(&format!("RETR {name}"))
    }

    /// The data connection of a transfer that has begun.
    fn transfer(&mut self, command: &str) -> TcpStream {
        let answer = self.ask("EPSV");
        let port = answer.split('|').nth(3).unwrap_or_else(|| panic!("{answer}")).parse().unwrap();
        let address = SocketAddr::new(self.lines.get_ref().peer_addr().unwrap().ip(), port);
        let data = TcpStream::connect(address).unwrap();
        data.set_read_timeout(Some(PATIENCE)).unwrap();
        let answer = self.ask(command);
        assert!(answer.starts_with("1"), "{answer}");
        data
    }
}

struct CurlOutput {
    code: Option<i32>,
    stdout: Vec<u8>,
    stderr: String,
}

/// curl with TLS, or None if it is not installed.
fn curl() -> Option<impl Fn(&[&str]) -> CurlOutput> {
    if Command::new("curl").arg("--version").output().is_err() {
        skip("curl is not installed");
        return None;
    }
    Some(|arguments: &[&str]| {
        let output = Command::new("curl")
            .args(["--disable", "--silent", "--show-error", "--ssl-reqd", "--max-time", "60"])
            .args(["--user", &format!("alice:{PASSWORD}")])
            .args(arguments)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        CurlOutput { code: output.status.code(), stdout: output.stdout, stderr }
    })
}

/// For what tells nobody that it has happened: looks again until it has.
#[track_caller]
fn wait_until(happened: impl Fn() -> bool) {
    let since = std::time::Instant::now();
    while !happened() {
        assert!(since.elapsed() < PATIENCE, "it did not happen");
        std::thread::yield_now();
    }
}

fn fxpd() -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_fxpd")));
    command.env_remove("FXPD_CONFIG").env_remove("FXPD_LOG");
    command
}

/// Says what was not tested; in CI everything is.
fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "{reason}");
    eprintln!("SKIPPED: {reason}");
}
