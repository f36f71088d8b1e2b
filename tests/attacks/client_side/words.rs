//! Words that break what reads them: a 257 without its quote or of a megabyte (CVE-2017-1000254), NUL and line ends in
//! addresses (CVE-2018-1000120) and passwords, sequences that steer a terminal.

use std::process::{Command, Stdio};

use fxp_testkit::daemon::USER;
use fxp_testkit::demand::{Missing, demand};
use fxp_testkit::port;

use super::hostile::{GREETING, Hostile, Turn};
use crate::fxp::{Fxp, Ran, program};

/// Whatever stands where the directory should, the session goes on at the root, or ends with an error.
#[test]
fn a_257_that_makes_no_sense() {
    let long = format!("257 \"/{}\"", "x".repeat(1 << 20));
    let lines = format!("257-\"/\r\n{}257 \"/\"", " x\r\n".repeat(1000));
    for (reply, well) in [
        ("257 \"/unclosed", true),
        ("257 \"", true),
        ("257 \"\"", true),
        ("257 no quotes at all", true),
        ("257", true),
        ("257 \"/a\"\"b\"\"\"", true),
        ("257 \"../../..\"", true),
        ("257 \"/..//../x/.\" \"/y\"", true),
        (&lines, true),
        (&long, false),
        ("257 \"/nul\0here\"", false),
    ] {
        let reply = reply.to_owned();
        let files: [(&str, &[u8]); 1] = [("/file", b"content")];
        let hostile = Hostile::start(port::loopback(), None, &files, move |dialogue, line| match line {
            "PWD" => dialogue.answer(&reply),
            _ => Turn::Polite,
        });
        let url = hostile.url("%2Ffile");
        let ran = Fxp::new(&[]).run(["cat", "--tls", "off", "--timeout", "5", &url]);
        let expected = if well { (0, "content") } else { (7, "") };
        assert_eq!((ran.code, ran.stdout.as_str()), expected, "{ran:#?}\n{}", hostile.log());
        // A relative path begins where the reply says, and at no other server's place.
        let ran = Fxp::new(&[]).run(["cat", "--tls", "off", "--timeout", "5", &hostile.url("file")]);
        assert!([0, 3, 7].contains(&ran.code), "{ran:#?}");
        for (_, _, line) in hostile.heard().commands {
            assert!(!line.contains(".."), "{line}");
        }
    }
}

/// Not even a connection is made.
#[test]
fn an_address_with_a_nul_or_a_line_end_goes_nowhere() {
    let hostile = Hostile::start(port::loopback(), None, &[], |_, _| Turn::Polite);
    let at = hostile.address;
    let fxp = Fxp::new(&[]);
    let local = fxp.home().join("file");
    std::fs::write(&local, "content").expect("a file");
    let local = local.to_str().expect("a path of UTF-8");
    for path in
        ["%00", "file%00", "file%00.txt", "a%0D%0ADELE%20x", "a%0ADELE%20x", "a%0Db", "dir/%0d%0a/file"]
    {
        let url = format!("ftp://{USER}@{at}/{path}");
        for arguments in [
            &["ls", "--tls", "off", &url][..],
            &["cat", "--tls", "off", &url],
            &["rm", "--tls", "off", &url],
            &["mkdir", "--tls", "off", &url],
            &["cp", "--tls", "off", &url, "got"],
            &["cp", "--tls", "off", local, &url],
            &["mv", "--tls", "off", &hostile.url("x"), &url],
        ] {
            let ran = fxp.run(arguments);
            assert_eq!(ran.code, 2, "{arguments:?}: {ran:#?}");
        }
    }
    for user in ["us%0D%0ADELE%20x", "us%00er", "us%0Aer"] {
        let ran = fxp.run(["ls", "--tls", "off", &format!("ftp://{user}@{at}/")]);
        assert_eq!(ran.code, 2, "{user}: {ran:#?}");
    }
    assert_eq!(hostile.heard().commands, [], "{}", hostile.log());
}

/// A password is no way to say a second command.
#[test]
fn a_password_with_a_line_end_is_not_said() {
    for password in ["x\r\nDELE /file", "x\nDELE /file", "x\rDELE /file"] {
        let hostile = Hostile::start(port::loopback(), None, &[], |_, _| Turn::Polite);
        let fxp = Fxp::new(&[]);
        let mut command = fxp.command();
        command.args(["ls", "--tls", "off", &hostile.url("")]).env("FXP_PASSWORD", password);
        let ran: Ran = command.output().expect("fxp runs").into();
        assert_ne!(ran.code, 0, "{ran:#?}");
        let heard = hostile.heard();
        assert!(!heard.clear_text().contains("DELE"), "{}", hostile.log());
        assert!(!heard.clear_text().contains("PASS"), "{}", hostile.log());
    }
}

/// Titles, colours, cleared screens, in 7 and in 8 bits: none of it reaches a terminal.
const STEERING: &str = "\x1b]0;owned\x07\x1b[2J\x1b[7m\u{9b}7m\x08\x08\x7f";

#[test]
fn a_servers_words_do_not_steer_a_terminal() {
    program("fxp");
    if demand("a terminal", terminal()).is_none() {
        return;
    }
    let name = format!("/name{STEERING}");
    let files: [(&str, &[u8]); 1] = [(&name, b"content")];
    for refused in ["", "PASS", "MLSD", "RETR"] {
        let hostile = Hostile::start(port::loopback(), None, &files, move |dialogue, line| {
            match line.split(' ').next().unwrap_or_default() {
                GREETING => dialogue.answer(&format!("220-Hello {STEERING}\r\n220 {STEERING}")),
                "SYST" => dialogue.answer(&format!("215 {STEERING}")),
                verb if verb == refused => dialogue.answer(&format!("550 No {STEERING}")),
                _ => Turn::Polite,
            }
        });
        let fxp = Fxp::new(&[]);
        let to = fxp.home().join("got");
        let root = hostile.url("");
        let copy = format!("cp -r --tls off --retries 0 {root} {}", to.display());
        for arguments in [
            format!("ls --tls off {root}"),
            format!("ls -l --tls off {root}"),
            format!("-v ls --tls off {root}"),
            format!("--json ls --tls off {root}"),
            format!("-v {copy}"),
            format!("--json {copy}"),
        ] {
            let shown = on_a_terminal(&fxp, &arguments);
            assert!(!shown.is_empty(), "{arguments}");
            for sequence in ["\x1b]", "\x1b[2J", "\x1b[7m", "\u{9b}", "\x07", "\x7f"] {
                assert!(!shown.contains(sequence), "{arguments} {refused:?}: {sequence:?} in {shown:?}");
            }
        }
    }
}

/// What `fxp` shows on a terminal: `ls` quotes names there, and nowhere else.
fn on_a_terminal(fxp: &Fxp, arguments: &str) -> String {
    let line = format!("{} {arguments}", program("fxp").display());
    let mut command = Command::new("script");
    for (name, value) in fxp.command().get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let output =
        command.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()).output().expect("script runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// `script` (util-linux) gives a program a terminal.
fn terminal() -> Result<(), Missing> {
    let ran = Command::new("script").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    ran.map(drop).map_err(|error| Missing(format!("script (util-linux): {error}")))
}
