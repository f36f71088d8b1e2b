//! Sessions with a server that follows a script.

mod scripted;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fxp_client::connect::{ConnectError, Environment, Target, connect};
use fxp_client::queue::TimesSet;
use fxp_client::session::{Session, SessionError, SessionEvent};
use fxp_client::tls::{ClientTls, HandshakeError, ServerTls, trust::Trust};
use fxp_client::{DataStream, Meter};
use fxp_proto::client::request::{Answer, Expected, LoginTls, Request, Setting};
use fxp_proto::grammar::change::TimeVerb;
use fxp_proto::grammar::command::Command;
use fxp_proto::grammar::params::{DigestKind, Protection, TlsRole};
use fxp_proto::grammar::verb::Verb;
use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::listing::time::FtpTime;
use fxp_proto::path::VPath;
use fxp_proto::wire::{secret::Secret, text::Text};

use scripted::{Bytes, Server};

/// The dialogue up to the end of a login; the features are the script's own.
fn login(features: &str) -> String {
    let features: String =
        features.split_whitespace().map(|name| format!("S:  {}\n", name.replace('_', " "))).collect();
    format!(
        "S: 220 Hello\nC: USER anna\nS: 331 Password\nC: PASS secret\nS: 230 In\nC: FEAT\nS: 211-Features\n{features}\
         S: 211 End\nC: SYST\nS: 215 UNIX\nC: TYPE I\nS: 200 Ok\nC: PWD\nS: 257 \"/home\"\n"
    )
}

fn target(server: &Server) -> Target {
    Target {
        host: server.address.ip().to_string(),
        port: server.address.port(),
        tls: LoginTls::Off,
        protection: Protection::Private,
        trust: Trust { roots: false, pinned: Vec::new() },
        user: Text::from("anna"),
        password: Secret::new("secret"),
        swift: None,
    }
}

fn environment() -> Environment {
    Environment { tls: ClientTls::new(), meter: Meter::default(), timeout: Duration::from_secs(10) }
}

/// A session whose server offers `features` and then follows `script`.
async fn session(features: &str, script: &str) -> (Session, Server) {
    let server = Server::play(&(login(features) + script), None).await;
    let session = connect(&target(&server), &environment(), None).await.unwrap();
    (session, server)
}

fn path(text: &str) -> VPath {
    VPath::parse(text.as_bytes()).unwrap()
}

/// One line per entry.
fn show(entries: &[Entry]) -> String {
    let line = |entry: &Entry| {
        let kind = match entry.kind {
            Kind::Directory => "/",
            Kind::Symlink(_) => "@",
            _ => "",
        };
        format!("{}{kind} {}", entry.name, entry.size.map_or("-".to_owned(), |size| size.to_string()))
    };
    entries.iter().map(line).collect::<Vec<_>>().join(", ")
}

async fn receive(data: DataStream) -> String {
    let receiving = move || {
        let mut bytes = Bytes(Vec::new());
        data.receive(&mut bytes, &Arc::new(AtomicU64::new(0))).map(|_| bytes.0)
    };
    String::from_utf8(tokio::task::spawn_blocking(receiving).await.unwrap().unwrap()).unwrap()
}

async fn send(data: DataStream, text: &str) {
    let mut bytes = Bytes(text.as_bytes().to_vec());
    let sending = move || data.send(&mut bytes, 0, None, &Arc::new(AtomicU64::new(0)));
    tokio::task::spawn_blocking(sending).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_login_tells_what_the_server_is_and_a_transcript_tells_no_secret() {
    let server = Server::play(&(login("SIZE") + "C: QUIT\nS: 221 Bye"), None).await;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let recorder = {
        let lines = lines.clone();
        Arc::new(move |line: fxp_client::transcript::Line| lines.lock().unwrap().push(line.text))
    };
    let session = connect(&target(&server), &environment(), Some(recorder)).await.unwrap();
    assert_eq!(session.facts().home, path("/home"));
    assert!(session.facts().features.has("SIZE"));
    assert_eq!(session.peer_addr(), server.address);
    session.quit().await;
    server.done().await;
    let lines = lines.lock().unwrap().join("\n");
    assert!(lines.contains("PASS ****") && lines.contains("230 In"), "{lines}");
    assert!(!lines.contains("secret"), "{lines}");
}

#[tokio::test]
async fn a_login_that_fails_says_why() {
    let failed = async |script: &str, tls| {
        let server = Server::play(script, None).await;
        let target = Target { tls, ..target(&server) };
        connect(&target, &environment(), None).await.unwrap_err()
    };
    let error = failed("S: 421 Too many of you", LoginTls::Off).await;
    assert_eq!(error.to_string(), "127.0.0.1 refused the connection: Too many of you");
    let error = failed("S: 220 Hi\nC: USER anna\nS: 331 P\nC: PASS secret\nS: 530 No", LoginTls::Off).await;
    assert_eq!(error.to_string(), "127.0.0.1 refused PASS ****: No");
    let error = failed("S: 220 Hi\nC: AUTH TLS\nS: 502 What?", LoginTls::Require).await;
    assert_eq!(error.to_string(), "127.0.0.1 offers no TLS (AUTH TLS: 502 What?)");
    let error = failed("S: 220 Hi\nC: USER anna\n>: hang up", LoginTls::Off).await;
    assert!(matches!(error, ConnectError::Gone { what: "closed the connection", .. }), "{error}");
    let error = failed("S: SSH-2.0-OpenSSH", LoginTls::Off).await;
    assert!(matches!(error, ConnectError::Gone { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_never_greets_is_given_up() {
    let server = Server::play("C: something that never comes", None).await;
    let impatient = Environment { timeout: Duration::from_millis(50), ..environment() };
    let error = connect(&target(&server), &impatient, None).await.unwrap_err();
    assert!(matches!(error, ConnectError::Gone { what: "did not answer", .. }), "{error}");
}

#[tokio::test]
async fn nobody_listens() {
    let server = Server::play("S: 220 Hi", None).await;
    let target = target(&server);
    drop(tokio::net::TcpStream::connect(server.address).await.unwrap());
    server.done().await;
    let error = connect(&target, &environment(), None).await.unwrap_err();
    assert!(matches!(error, ConnectError::Network { .. }), "{error}");
}

#[tokio::test]
async fn listings_come_by_mlsd() {
    let (mut session, server) = session(
        "MLST_type;size; EPSV",
        "C: EPSV\nS: 229 Ok {epsv}\nC: MLSD /a b\nS: 150 Here\n\
         >: give type=cdir; .\\ntype=file;size=7; y\\ntype=dir; x\\n\nS: 226 Done",
    )
    .await;
    assert_eq!(show(&session.list(&path("/a b")).await.unwrap()), "x/ -, y 7");
    server.done().await;
}

#[tokio::test]
async fn listings_fall_back_to_list_and_remember_it() {
    // The address in the 227 is a lie; nobody believes it.
    let list = "-rw-r--r-- 1 u g 7 Jan 01 2020 .hidden\\ndrwxr-xr-x 2 u g 0 Jan 01 2020 x\\n";
    let (mut session, server) = session(
        "MLST EPSV",
        &format!(
            "C: EPSV\nS: 502 What?\nC: PASV\nS: 227 Ok {{pasv}}\nC: MLSD /a\nS: 500 What?\n\
             C: CWD /a\nS: 250 Ok\nC: PASV\nS: 227 Ok {{pasv}}\nC: LIST -a\nS: 150 Here\n>: give {list}\nS: 226 Done\n\
             C: STAT -la\nS: 500 What?\n\
             C: CWD /b\nS: 250 Ok\nC: PASV\nS: 227 Ok {{pasv}}\nC: LIST -a\nS: 450 No\n\
             C: PASV\nS: 227 Ok {{pasv}}\nC: LIST\nS: 450 No files found"
        ),
    )
    .await;
    assert_eq!(show(&session.list(&path("/a")).await.unwrap()), ".hidden 7, x/ 0");
    assert_eq!(show(&session.list(&path("/b")).await.unwrap()), "");
    server.done().await;
}

/// How a server lists a directory with these lines by LIST.
fn by_list(lines: &str) -> String {
    format!("C: PASV\nS: 227 Ok {{pasv}}\nC: LIST -a\nS: 150 Here\n>: give {lines}\nS: 226 Done\n")
}

#[tokio::test]
async fn listings_come_over_the_control_connection_where_that_is_the_truth() {
    let itself = "drwxr-xr-x 2 u g 0 Jan 01 2020 .";
    let (one, two) = ("-rw-r--r-- 1 u g 7 Jan 01 2020 .one", "lrwxrwxrwx 1 u g 3 Jan 01 2020 two -> one");
    let (mut session, server) = session(
        "SIZE",
        &format!(
            "C: CWD /a\nS: 250 Ok\n{list}C: STAT -la\nS: 213-Status\nS: {itself}\nS: {one}\nS: {two}\nS: 213 End\n\
             C: CWD /b\nS: 250 Ok\nC: STAT -la\nS: 213-Status\nS: {itself}\nS: {two}\nS: 213 End\n\
             C: CWD /empty\nS: 250 Ok\nC: STAT -la\nS: 213-Status\nS: {itself}\nS: 213 End\n\
             C: CWD /unreadable\nS: 250 Ok\nC: STAT -la\nS: 213-Status\nS: 213 End\n\
             C: CWD /unreadable\nS: 250 Ok\nC: PASV\nS: 227 Ok {{pasv}}\nC: LIST -a\nS: 550 Not yours\n\
             C: PASV\nS: 227 Ok {{pasv}}\nC: LIST\nS: 550 Not yours",
            list = by_list(&format!("{itself}\\n{one}\\n{two}\\n"))
        ),
    )
    .await;
    assert_eq!(session.stat_lists(), None);
    assert_eq!(show(&session.list(&path("/a")).await.unwrap()), ".one 7, two@ 3");
    assert_eq!(session.stat_lists(), Some(true));
    assert_eq!(show(&session.list(&path("/b")).await.unwrap()), "two@ 3");
    assert_eq!(show(&session.list(&path("/empty")).await.unwrap()), "");
    assert_eq!(session.list(&path("/unreadable")).await.unwrap_err().to_string(), "LIST: 550 Not yours");
    server.done().await;
}

#[tokio::test]
async fn what_stat_tells_is_not_believed_where_it_differs_hides_or_follows() {
    let itself = "drwxr-xr-x 2 u g 0 Jan 01 2020 .";
    let (file, link) = ("-rw-r--r-- 1 u g 7 Jan 01 2020 a", "lrwxrwxrwx 1 u g 3 Jan 01 2020 b -> a");
    for answer in [
        // Less than LIST.
        format!("213-Status\nS: {itself}\nS: {file}\nS: 213 End"),
        // The same, but nobody knows whether it would show what begins with a dot.
        format!("213-Status\nS: {file}\nS: {link}\nS: 213 End"),
        // ProFTPD, which follows links in a directory that has some.
        format!("212-Status of .:\nS:  {itself}\nS:  {file}\nS:  {link}\nS: 212 End of status"),
        // Something else.
        format!("213-Status\nS: {itself}\nS: {file}\nS: {link}\nS: and so on\nS: 213 End"),
        "211 I am well".to_owned(),
        "502 What?".to_owned(),
    ] {
        let list = by_list(&format!("{itself}\\n{file}\\n{link}\\n"));
        let script =
            format!("C: CWD /a\nS: 250 Ok\n{list}C: STAT -la\nS: {answer}\nC: CWD /a\nS: 250 Ok\n{list}");
        let (mut session, server) = session("SIZE", &script).await;
        for _ in 0..2 {
            assert_eq!(show(&session.list(&path("/a")).await.unwrap()), "a 7, b@ 3", "{answer}");
            assert_eq!(session.stat_lists(), Some(false), "{answer}");
        }
        server.done().await;
    }
}

#[tokio::test]
async fn a_long_listing_is_compared_with_list_each_time() {
    let itself = "drwxr-xr-x 2 u g 0 Jan 01 2020 .";
    let many: Vec<String> =
        (0..1001).map(|number| format!("-rw-r--r-- 1 u g 7 Jan 01 2020 f{number}")).collect();
    let list = by_list(&format!("{itself}\\n{}\\n", many.join("\\n")));
    let stat = |lines: &[String]| {
        let lines: String = lines.iter().map(|line| format!("S: {line}\n")).collect();
        format!("C: CWD /a\nS: 250 Ok\nC: STAT -la\nS: 213-Status\nS: {itself}\n{lines}S: 213 End\n")
    };
    let enter = "C: CWD /a\nS: 250 Ok\n";
    // It leaves something out in the end, and is never asked again.
    let more = many.iter().cloned().chain(["-rw-r--r-- 1 u g 7 Jan 01 2020 last".to_owned()]);
    let longer = by_list(&format!("{itself}\\n{}\\n", more.collect::<Vec<_>>().join("\\n")));
    let script = format!("{}{enter}{list}{}{enter}{longer}{enter}{list}", stat(&many), stat(&many));
    let (mut session, server) = session("SIZE", &script).await;
    session.expect_stat_lists(Some(true));
    assert_eq!(session.list(&path("/a")).await.unwrap().len(), 1001);
    assert_eq!(session.stat_lists(), Some(true));
    assert_eq!(session.list(&path("/a")).await.unwrap().len(), 1002);
    assert_eq!(session.stat_lists(), Some(false));
    assert_eq!(session.list(&path("/a")).await.unwrap().len(), 1001);
    server.done().await;
}

#[tokio::test]
async fn a_listing_that_nobody_can_read_is_no_empty_directory() {
    let (mut session, server) = session(
        "MLST",
        "C: PASV\nS: 227 Ok {pasv}\nC: MLSD /\nS: 150 Here\n>: give hieroglyphs\\n\nS: 226 Done\n\
         C: PASV\nS: 227 Ok {pasv}\nC: MLSD /\nS: 150 Here\n>: give type=file; x\\n\nS: 451 Disk trouble",
    )
    .await;
    let error = session.list(&path("/")).await.unwrap_err();
    assert!(matches!(error, SessionError::Nonsense { .. }), "{error}");
    let error = session.list(&path("/")).await.unwrap_err();
    assert_eq!(error.to_string(), "MLSD /: 451 Disk trouble");
    server.done().await;
}

#[tokio::test]
async fn a_directory_that_the_server_could_not_open_is_no_empty_directory() {
    // What vsftpd does with a directory that may be entered and not read.
    let listing = |command, words| {
        format!("C: PASV\nS: 227 Ok {{pasv}}\nC: {command}\nS: 150 Here\n>: give \nS: 226 {words}\n")
    };
    let (unreadable, empty) = ("Transfer done (but failed to open directory).", "Directory send OK.");
    let script = ["LIST -a", "LIST"].map(|command| listing(command, unreadable)).concat();
    let script = format!("C: CWD /a\nS: 250 Ok\n{script}C: CWD /b\nS: 250 Ok\n");
    let script = script + &["LIST -a", "LIST"].map(|command| listing(command, empty)).concat();
    let (mut session, server) = session("SIZE", &script).await;
    let error = session.list(&path("/a")).await.unwrap_err();
    assert_eq!(error.to_string(), format!("LIST: 226 {unreadable}"));
    assert_eq!(session.list(&path("/b")).await.unwrap(), []);
    server.done().await;
}

#[tokio::test]
async fn files_are_described_by_mlst() {
    let (mut session, server) = session(
        "MLST",
        "C: MLST /a\nS: 250-Here\nS:  type=file;size=7;modify=20200102030405; /a\nS: 250 End\n\
         C: MLST /b\nS: 550 No such file\nC: MLST /c\nS: 550 Permission denied",
    )
    .await;
    let entry = session.stat(&path("/a")).await.unwrap().unwrap();
    assert_eq!((entry.name.to_string(), entry.size), ("a".to_owned(), Some(7)));
    assert_eq!(entry.modified.unwrap().0.to_seconds(), "20200102030405");
    assert_eq!(session.stat(&path("/b")).await.unwrap(), None);
    assert!(matches!(session.stat(&path("/c")).await, Err(SessionError::Refused { .. })));
    server.done().await;
}

#[tokio::test]
async fn files_are_described_by_older_commands() {
    let (mut session, server) = session(
        "",
        "C: SIZE /a\nS: 213 7\nC: MDTM /a\nS: 213 20200102030405.5\n\
         C: SIZE /d\nS: 550 Not a file\nC: CWD /d\nS: 250 Ok\n\
         C: SIZE /x/l\nS: 550 No\nC: CWD /x/l\nS: 550 No\n\
         C: CWD /x\nS: 250 Ok\nC: PASV\nS: 227 Ok {pasv}\nC: LIST -a\nS: 150 Here\n\
         >: give lrwxrwxrwx 1 u g 4 Jan 01 2020 l -> gone\\n\nS: 226 Done\n\
         C: STAT -la\nS: 213-Status:\nS: 213 End\n\
         C: SIZE /y/z\nS: 550 No\nC: CWD /y/z\nS: 550 No\nC: CWD /y\nS: 550 No such directory",
    )
    .await;
    let entry = session.stat(&path("/a")).await.unwrap().unwrap();
    assert_eq!((entry.kind, entry.size), (Kind::File, Some(7)));
    assert_eq!(session.stat(&path("/d")).await.unwrap().unwrap().kind, Kind::Directory);
    let link = session.stat(&path("/x/l")).await.unwrap().unwrap();
    assert_eq!(link.kind, Kind::Symlink(Some(Text::from("gone"))));
    assert_eq!(session.stat(&path("/y/z")).await.unwrap(), None);
    // The root is always there, and needs no question.
    assert_eq!(session.stat(&path("/")).await.unwrap().unwrap().kind, Kind::Directory);
    server.done().await;
}

#[tokio::test]
async fn times_are_set_by_whatever_works() {
    let time = FtpTime::parse(b"20200102030405").unwrap();
    let (mut session, server) = session(
        "",
        "C: MFMT 20200102030405 /a\nS: 500 What?\nC: MDTM 20200102030405 /a\nS: 550 No such file\n\
         C: SITE UTIME /a 20200102030405 20200102030405 20200102030405 UTC\nS: 500 What?\n\
         C: SITE UTIME 20200102030405 /a\nS: 200 Ok\nC: SITE UTIME 20200102030405 /b\nS: 200 Ok",
    )
    .await;
    assert!(session.set_time(&path("/a"), time).await.unwrap());
    assert!(session.set_time(&path("/b"), time).await.unwrap());
    server.done().await;
}

#[tokio::test]
async fn only_who_knows_no_mdtm_tells_times_by_listings_only() {
    for (reply, only) in [("550 Not this one", false), ("502 Not implemented", true)] {
        let script = format!("C: SIZE /a\nS: 213 5\nC: MDTM /a\nS: {reply}");
        let (mut session, server) = session("SIZE", &script).await;
        assert!(!session.lists_times_only());
        assert_eq!(session.stat(&path("/a")).await.unwrap().unwrap().modified, None);
        assert_eq!(session.lists_times_only(), only, "{reply}");
        server.done().await;
    }
}

#[tokio::test]
async fn one_file_whose_time_is_refused_says_nothing_about_the_others() {
    let time = FtpTime::parse(b"20200102030405").unwrap();
    let (mut session, server) = session(
        "MFMT",
        "C: MFMT 20200102030405 /a\nS: 550 Operation not permitted\nC: MFMT 20200102030405 /b\nS: 213 Ok\n\
         C: MFMT 20200102030405 /a\nS: 550 Operation not permitted",
    )
    .await;
    let refused = session.set_time(&path("/a"), time).await.unwrap_err();
    assert_eq!(refused.refusal().map(|reply| reply.code.number()), Some(550), "{refused}");
    assert_eq!(session.time_verb(), TimesSet::By(TimeVerb::Mfmt), "others are tried");
    assert!(session.set_time(&path("/b"), time).await.unwrap());
    assert!(session.set_time(&path("/a"), time).await.is_err());
    assert_eq!(session.time_verb(), TimesSet::By(TimeVerb::Mfmt));
    server.done().await;
}

#[tokio::test]
async fn a_server_that_cannot_set_times_is_asked_once() {
    let time = FtpTime::parse(b"20200102030405").unwrap();
    let (mut session, server) = session(
        "",
        "C: MFMT 20200102030405 /a\nS: 502 No\nC: MDTM 20200102030405 /a\nS: 501 No\n\
         C: SITE UTIME /a 20200102030405 20200102030405 20200102030405 UTC\nS: 504 No\n\
         C: SITE UTIME 20200102030405 /a\nS: 202 Whatever\nC: NOOP\nS: 200 Ok",
    )
    .await;
    assert!(!session.set_time(&path("/a"), time).await.unwrap());
    assert!(!session.set_time(&path("/b"), time).await.unwrap());
    session.command(Verb::Noop, "").await.unwrap();
    server.done().await;
}

#[tokio::test]
async fn digests_come_by_every_command() {
    let sha256 = "a".repeat(64);
    let sha1 = "b".repeat(40);
    let md5 = "c".repeat(32);
    let (mut session, server) = session(
        "HASH_SHA-1*;SHA-256 RANG_STREAM XMD5",
        &format!(
            "C: OPTS HASH SHA-256\nS: 200 SHA-256\nC: HASH /a\nS: 213 SHA-256 0-6 {sha256} /a\n\
             C: HASH /b\nS: 213 SHA-256 0-6 {sha256} /b\n\
             C: OPTS HASH SHA-1\nS: 200 SHA-1\nC: RANG 0 9\nS: 350 Ok\nC: HASH /a\nS: 213 SHA-1 0-9 {sha1} /a\n\
             C: RANG 1 0\nS: 350 Reset\n\
             C: XMD5 \"/a b\" 0 10\nS: 250 {md5}\nC: XMD5 /c\nS: 250 later"
        ),
    )
    .await;
    assert_eq!(session.digests(), [DigestKind::Sha256, DigestKind::Sha1, DigestKind::Md5]);
    let digest = async |session: &mut Session, kind, name: &str, length| {
        session.digest(kind, &path(name), length).await
    };
    assert_eq!(digest(&mut session, DigestKind::Sha256, "/a", None).await.unwrap(), sha256);
    assert_eq!(digest(&mut session, DigestKind::Sha256, "/b", None).await.unwrap(), sha256);
    assert_eq!(digest(&mut session, DigestKind::Sha1, "/a", Some(10)).await.unwrap(), sha1);
    assert_eq!(digest(&mut session, DigestKind::Md5, "/a b", Some(10)).await.unwrap(), md5);
    let error = digest(&mut session, DigestKind::Md5, "/c", None).await.unwrap_err();
    assert!(matches!(error, SessionError::Nonsense { .. }), "{error}");
    server.done().await;
}

#[tokio::test]
async fn directories_are_made_once_and_left_before_they_go() {
    let (mut session, server) = session(
        "",
        "C: MKD /a\nS: 257 \"/a\"\nC: MKD /a\nS: 521 It is there\nC: CWD /a\nS: 250 Ok\n\
         C: MKD /f\nS: 550 A file is in the way\nC: CWD /f\nS: 550 Not a directory\n\
         C: CWD /\nS: 250 Ok\nC: RMD /a\nS: 250 Gone\n\
         C: RNFR /x\nS: 350 To?\nC: RNTO /y\nS: 250 Ok\nC: DELE /y\nS: 250 Ok",
    )
    .await;
    session.make_directory(&path("/a")).await.unwrap();
    session.make_directory(&path("/a")).await.unwrap();
    session.make_directory(&path("/")).await.unwrap();
    let error = session.make_directory(&path("/f")).await.unwrap_err();
    assert_eq!(error.to_string(), "MKD /f: 550 A file is in the way");
    session.remove_directory(&path("/a")).await.unwrap();
    session.rename(&path("/x"), &path("/y")).await.unwrap();
    session.delete(&path("/y")).await.unwrap();
    server.done().await;
}

#[tokio::test]
async fn files_go_up_and_down_from_where_they_stopped() {
    let (mut session, server) = session(
        "EPSV",
        "C: EPSV\nS: 229 Ok {epsv}\nC: REST 700\nS: 350 Ok\nC: STOR /up\nS: 150 Go\n>: take the rest\nS: 226 Stored\n\
         C: EPSV\nS: 229 Ok {epsv}\nC: REST 0\nS: 350 Ok\nC: RETR /down\nS: 150 Go\n>: give content\nS: 226 Sent\n\
         C: EPSV\nS: 229 Ok {epsv}\nC: RETR /at once\nS: 226 There\n>: give quick",
    )
    .await;
    let open = session.open_upload(&path("/up"), 700).await.unwrap();
    send(open.data, "the rest").await;
    session.finish_transfer(open.request).await.unwrap();
    let open = session.open_download(&path("/down"), 0).await.unwrap();
    assert_eq!(receive(open.data).await, "content");
    session.finish_transfer(open.request).await.unwrap();
    let open = session.open_download(&path("/at once"), 0).await.unwrap();
    assert_eq!(receive(open.data).await, "quick");
    session.finish_transfer(open.request).await.unwrap();
    server.done().await;
}

#[tokio::test]
async fn a_refused_transfer_leaves_the_session_in_step() {
    let (mut session, server) = session(
        "",
        "C: PASV\nS: 227 Ok {pasv}\nC: RETR /a\nS: 550 No such file\n\
         C: PASV\nS: 227 Ok {pasv}\nC: STOR /b\nS: 150 Go\n>: take half\nS: 552 Disk full\n\
         C: PASV\nS: 425 No port left\n\
         C: PASV\nS: 227 Ok {pasv}\nC: RETR /c\nS: 150 Go\nC: ABOR\nS: 426 Aborted\nC: NOOP\nS: 226 Ok\nS: 200 Ok\n\
         C: NOOP\nS: 200 Ok",
    )
    .await;
    let error = session.open_download(&path("/a"), 0).await.unwrap_err();
    assert_eq!(error.to_string(), "RETR /a: 550 No such file");
    let open = session.open_upload(&path("/b"), 0).await.unwrap();
    send(open.data, "half").await;
    let error = session.finish_transfer(open.request).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().code.number(), 552);
    let error = session.open_upload(&path("/c"), 0).await.unwrap_err();
    assert_eq!(error.to_string(), "PASV: 425 No port left");
    let open = session.open_download(&path("/c"), 0).await.unwrap();
    open.data.abandon();
    session.abort_transfer(open.request).await;
    assert!(session.is_usable());
    session.command(Verb::Noop, "").await.unwrap();
    server.done().await;
}

#[tokio::test]
async fn clusters_are_told_what_will_follow() {
    let (mut session, server) = session(
        "PRET EPSV",
        "C: PRET RETR /a\nS: 200 Ok\nC: PASV\nS: 227-Using slave\nS: 227 Ok (127,0,0,1,0,80)",
    )
    .await;
    // Nothing listens at port 80, and nobody goes there.
    assert!(session.open_download(&path("/a"), 0).await.is_err());
    server.done().await;
}

#[tokio::test]
async fn what_a_third_party_copy_left_behind_is_undone() {
    let (mut session, server) = session(
        "SSCN",
        "C: SSCN ON\nS: 200 SSCN:CLIENT METHOD\nC: SSCN OFF\nS: 200 SSCN:SERVER METHOD\n\
         C: PASV\nS: 227 Ok {pasv}\nC: RETR /a\nS: 150 Go\n>: give x\nS: 226 Sent",
    )
    .await;
    session.run(Request::Set(Setting::Role(TlsRole::Client))).await.unwrap();
    let open = session.open_download(&path("/a"), 0).await.unwrap();
    assert_eq!(receive(open.data).await, "x");
    session.finish_transfer(open.request).await.unwrap();
    server.done().await;
}

#[tokio::test]
async fn nothing_is_lost_when_waiting_is_broken_off() {
    let (mut session, server) =
        session("", "C: NOOP\n>: drip 200 Slowly, byte by byte\nC: NOOP\n>: drip 200 And again").await;
    for words in ["Slowly, byte by byte", "And again"] {
        let id = session.ask(Request::Command(Command::bare(Verb::Noop)));
        let (done, answer) = loop {
            tokio::select! {
                biased;
                event = session.event() => match event {
                    SessionEvent::Done(done, answer) => break (done, answer),
                    other => panic!("{other:?}"),
                },
                () = tokio::task::yield_now() => {}
            }
        };
        assert_eq!(done, id);
        assert!(matches!(answer, Answer::Reply(reply) if reply.text().to_string() == words));
    }
    server.done().await;
}

#[tokio::test]
async fn a_lost_connection_ends_everything() {
    let (mut session, server) = session("", "C: NOOP\n>: hang up").await;
    let error = session.command(Verb::Noop, "").await.unwrap_err();
    assert!(matches!(&error, SessionError::Lost { during } if during == "NOOP"), "{error}");
    assert!(!session.is_usable() && !session.is_alive());
    assert!(matches!(session.event().await, SessionEvent::Lost));
    assert!(matches!(session.command(Verb::Noop, "").await, Err(SessionError::Lost { .. })));
    session.quit().await;
    server.done().await;
}

#[tokio::test]
async fn a_reply_out_of_turn_ends_the_session() {
    let (mut session, server) = session("", "C: NOOP\nS: 200 Ok\nS: 200 And another").await;
    session.command(Verb::Noop, "").await.unwrap();
    server.done().await;
    // It has arrived by now, and is not taken for the answer to the next command.
    assert!(session.command(Verb::Noop, "").await.is_err());
    assert!(!session.is_usable());
}

/// A server identity, and trust in exactly it.
fn identity() -> (ServerTls, Trust) {
    let made = rcgen::generate_simple_self_signed(["server.example".to_owned()]).unwrap();
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = ServerTls::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
    let trust = Trust { roots: false, pinned: vec![tls.fingerprint()] };
    (tls, trust)
}

const TLS_LOGIN: &str = "S: 220 Hello\nC: AUTH TLS\nS: 234 Go\n>: tls\nC: USER anna\nS: 230 In\nC: FEAT\nS: 211-F\n\
                         S:  MLST\nS: 211 End\nC: SYST\nS: 215 UNIX\nC: PBSZ 0\nS: 200 Ok\nC: PROT P\nS: 200 Ok\n\
                         C: TYPE I\nS: 200 Ok\nC: PWD\nS: 257 \"/\"\n";

#[tokio::test]
async fn tls_protects_control_and_data() {
    let (tls, trust) = identity();
    let script = "C: PASV\nS: 227 Ok {pasv}\nC: MLSD /\nS: 150 Here\n>: give type=file;size=1; x\\n\nS: 226 Done\n\
                  C: PASV\nS: 227 Ok {pasv}\nC: RETR /x\nS: 150 Here\n>: give x\nS: 226 Done";
    let server = Server::play(&(TLS_LOGIN.to_owned() + script), Some(tls)).await;
    let target = Target { tls: LoginTls::Require, trust, ..target(&server) };
    let mut session = connect(&target, &environment(), None).await.unwrap();
    assert!(session.facts().secured && session.tls().is_some());
    assert_eq!(show(&session.list(&path("/")).await.unwrap()), "x 1");
    let open = session.open_download(&path("/x"), 0).await.unwrap();
    assert!(open.data.tls().is_some_and(|info| info.resumed));
    assert_eq!(receive(open.data).await, "x");
    session.finish_transfer(open.request).await.unwrap();
    server.done().await;
}

#[tokio::test]
async fn files_go_in_clear_if_that_is_wanted_and_listings_stay_protected() {
    let (tls, trust) = identity();
    let script = "C: PROT C\nS: 200 Ok\nC: PASV\nS: 227 Ok {pasv}\nC: STOR /x\nS: 150 Here\n>: take x\nS: 226 Done\n\
                  C: PROT P\nS: 200 Ok\nC: PASV\nS: 227 Ok {pasv}\nC: MLSD /\nS: 150 Here\n\
                  >: give type=file;size=1; x\\n\nS: 226 Done\n\
                  C: PROT C\nS: 200 Ok\nC: PASV\nS: 227 Ok {pasv}\nC: RETR /x\nS: 150 Here\n>: give x\nS: 226 Done\n\
                  C: PROT P\nS: 200 Ok\nC: PASV\nS: 227 Ok {pasv}\nC: RETR /x\nS: 150 Here\n>: give x\nS: 226 Done";
    let server = Server::play(&(TLS_LOGIN.to_owned() + script), Some(tls)).await;
    let target = Target { tls: LoginTls::Require, trust, ..target(&server) };
    let mut session = connect(&target, &environment(), None).await.unwrap();
    session.protect_files(Protection::Clear);
    let open = session.open_upload(&path("/x"), 0).await.unwrap();
    assert!(open.data.tls().is_none());
    send(open.data, "x").await;
    session.finish_transfer(open.request).await.unwrap();
    assert_eq!(show(&session.list(&path("/")).await.unwrap()), "x 1");
    for protection in [Protection::Clear, Protection::Private] {
        session.protect_files(protection);
        let open = session.open_download(&path("/x"), 0).await.unwrap();
        assert_eq!(open.data.tls().is_some(), protection == Protection::Private);
        assert_eq!(receive(open.data).await, "x");
        session.finish_transfer(open.request).await.unwrap();
    }
    server.done().await;
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_gets_no_password() {
    let (tls, _) = identity();
    let fingerprint = tls.fingerprint();
    let server = Server::play(TLS_LOGIN, Some(tls)).await;
    let target = Target { tls: LoginTls::Try, ..target(&server) };
    let error = connect(&target, &environment(), None).await.unwrap_err();
    let ConnectError::Tls { error: HandshakeError::Untrusted(untrusted), .. } = error else {
        panic!("{error}");
    };
    assert_eq!(untrusted.fingerprint, fingerprint);
    server.done().await;
}

#[tokio::test]
async fn two_commands_in_one_write_are_answered_or_the_server_does_not_bear_them() {
    let (mut session, server) =
        session("", "C: NOOP\nC: NOOP\nS: 200 One\nS: 200 Two\nC: SYST\nS: 215 UNIX").await;
    assert!(session.answers_two_at_once().await);
    assert!(session.command(Verb::Syst, "").await.is_ok(), "in step");
    server.done().await;

    let only_one = "C: NOOP\nC: NOOP\nS: 200 One\n>: hang up";
    let (mut session, server) = self::session("", only_one).await;
    assert!(!session.answers_two_at_once().await && !session.is_usable());
    server.done().await;
}

#[tokio::test]
async fn what_leaves_together_is_one_flight() {
    let script = "C: NOOP\nC: NOOP\nS: 200 One\nS: 200 Two";
    let server = Server::play(&(login("") + script), None).await;
    let environment = environment();
    let mut session = connect(&target(&server), &environment, None).await.unwrap();
    // USER, PASS, FEAT, SYST, TYPE, PWD: each waits for its reply.
    assert_eq!(environment.meter.flights(), 6);
    assert!(session.answers_two_at_once().await);
    assert_eq!(environment.meter.flights(), 7);
    server.done().await;
}

#[tokio::test]
async fn a_known_server_gets_the_login_in_one_flight() {
    let script = "S: 220 Hello\nC: USER anna\nC: PASS secret\nC: FEAT\nC: SYST\nC: OPTS UTF8 ON\nC: TYPE I\nC: PWD\n\
                  S: 331 Password\nS: 230 In\nS: 211-Features\nS:  UTF8\nS: 211 End\nS: 215 UNIX\nS: 200 Ok\nS: 200 Ok\n\
                  S: 257 \"/home\"";
    let server = Server::play(script, None).await;
    let environment = environment();
    let swift = Some(Expected { clnt: false, utf8: true });
    let session = connect(&Target { swift, ..target(&server) }, &environment, None).await.unwrap();
    assert!(session.facts().features.has("UTF8"));
    assert_eq!((session.facts().home.clone(), environment.meter.flights()), (path("/home"), 1));
    server.done().await;
}
