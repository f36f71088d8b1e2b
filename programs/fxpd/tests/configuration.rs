//! `fxpd init`, `check` and `passwd`: what is written can be used, and every key of the configuration is
//! in it and in the manual.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use fxp_server::config::Config;
use fxp_server::config::password::Password;
use fxp_store::Secret;

#[test]
fn init_writes_what_check_accepts() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("etc/fxpd");
    let output =
        fxpd(&["init", target.to_str().unwrap(), "--name", "ftp.example.org", "--name", "192.0.2.1"]);
    assert_code(&output, 0);
    let mode = |name: &str| fs::metadata(target.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("fxpd.toml"), mode("key.pem")), (0o600, 0o600));
    assert_eq!(mode("certificate.pem") & 0o022, 0);

    let output = check(&target.join("fxpd.toml"));
    assert_code(&output, 0);
    let summary = text(&output.stdout);
    assert!(summary.contains("control required, data required"), "{summary}");
    assert!(text(&output.stderr).contains("nobody can log in"));
    // The fingerprint that init has shown is the one that is served.
    let fingerprint = summary.lines().find_map(|line| line.strip_prefix("certificate")).unwrap().trim();
    assert_eq!(fingerprint.len(), "SHA-256=".len() + 64, "{fingerprint}");
}

#[test]
fn init_replaces_nothing() {
    for there in ["fxpd.toml", "certificate.pem", "key.pem"] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(there), "precious").unwrap();
        let output = fxpd(&["init", directory.path().to_str().unwrap()]);
        assert_code(&output, 2);
        assert!(text(&output.stderr).contains(there));
        assert_eq!(fs::read(directory.path().join(there)).unwrap(), b"precious");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}

/// The examples of the commented file, all in force at once.
#[test]
fn every_example_of_the_written_configuration_is_valid() {
    let examples = uncommented(&written_by_init());
    let config = Config::parse(&examples).unwrap_or_else(|error| panic!("{error}\n{examples}"));
    assert_eq!(config.users.len(), 1);
    assert!(config.anonymous.is_some() && config.run_as.is_some() && config.log.file.is_some());
    assert_eq!(config.fxp.rules.len(), 1);
    // What is shown as a default is the default.
    assert_eq!(config.limits, fxp_server::config::Limits::default());
    assert_eq!(config.passive_ports, Config::default().passive_ports);
}

/// The types of the configuration say which keys there are: each table is given an unknown key, and the
/// error lists the known ones.
#[test]
fn every_key_is_in_the_written_configuration_and_in_the_manual() {
    let written = uncommented(&written_by_init());
    let manual =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/fxpd.md")).unwrap();
    let tables = [
        ("", "nonsense = 1"),
        ("tls.", "[tls]\nnonsense = 1"),
        ("user.", "[[user]]\nnonsense = 1"),
        ("anonymous.", "[anonymous]\nnonsense = 1"),
        ("fxp.", "[fxp]\nnonsense = 1"),
        ("fxp.rule.", "[[fxp.rule]]\nnonsense = 1"),
        ("limits.", "[limits]\nnonsense = 1"),
        ("run_as.", "[run_as]\nnonsense = 1"),
        ("log.", "[log]\nnonsense = 1"),
    ];
    let sections = ["tls", "user", "anonymous", "fxp", "limits", "run_as", "log"];
    let mut documented = Vec::new();
    for (prefix, broken) in tables {
        let keys = expected_keys(broken);
        assert!(keys.len() >= 2, "{broken}: {keys:?}");
        for key in keys {
            let is_section = key == "rule" || (prefix.is_empty() && sections.contains(&key.as_str()));
            let in_file = match is_section {
                true => written.contains(&format!("[{prefix}{key}]")),
                false => written.lines().any(|line| line.starts_with(&format!("{key} = "))),
            };
            assert!(in_file, "fxpd init says nothing about {prefix}{key}");
            let in_manual = match is_section && key != "rule" {
                true => manual.contains(&format!("[{key}]")),
                false => manual.contains(&format!("\n| `{prefix}{key}` |")),
            };
            assert!(in_manual, "docs/fxpd.md says nothing about {prefix}{key}");
            documented.push(format!("{prefix}{key}"));
        }
    }
    // And nothing that is not there.
    for line in manual.lines() {
        let Some((key, _)) = line.strip_prefix("| `").and_then(|line| line.split_once("` |")) else {
            continue;
        };
        let is_key = key.contains('.') && !key.starts_with("SIG");
        assert!(!is_key || documented.iter().any(|known| known == key), "docs/fxpd.md invents {key}");
    }
}

#[test]
fn check_names_what_is_wrong() {
    let rows = [
        ("nonsense = 1", "nonsense"),
        ("listen = []", "listen"),
        ("listen = [\"somewhere\"]", "somewhere"),
        ("[tls]\ncertificate = \"missing.pem\"\nkey = \"missing.pem\"", "missing.pem"),
        ("[[user]]\nname = \"a\"\npassword = \"plain\"\nhome = \"/\"", "fxpd passwd"),
        ("[run_as]\nuser = \"nobody-of-this-name\"", "nobody-of-this-name"),
        ("[run_as]\nuser = \"root\"", "root"),
        ("[log]\nlevel = \"fxp=loud\"", "log.level"),
        ("this is not TOML", "line 1, column"),
    ];
    for (configuration, named) in rows {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fxpd.toml");
        fs::write(&path, configuration).unwrap();
        let output = check(&path);
        assert_code(&output, 2);
        assert!(text(&output.stderr).contains(named), "{configuration}: {}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("plain"), "no password is quoted: {}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
}

/// Doubtful things do not keep a server from starting, but are said.
#[test]
fn check_warns() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fxpd.toml");
    let hash = hash_of("secret");
    let user = format!("[[user]]\nname = \"alice\"\npassword = \"{hash}\"\nhome = \"not-there\"");
    fs::write(&path, user).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let output = check(&path);
    assert_code(&output, 0);
    let warnings = text(&output.stderr);
    for named in ["no [tls]", "alice cannot log in", "not-there", "chmod o-r"] {
        assert!(warnings.contains(named), "{named}: {warnings}");
    }
    assert!(!warnings.contains("argon2"), "{warnings}");
    // A relative home begins where the configuration lies.
    fs::create_dir(directory.path().join("not-there")).unwrap();
    assert!(!text(&check(&path).stderr).contains("alice"));
}

#[test]
fn check_puts_rules_into_words() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fxpd.toml");
    let rules = r#"
        [[fxp.rule]]
        action = "deny"
        direction = "out"
        [[fxp.rule]]
        action = "allow"
        path = "/in"
        peer = ["192.0.2.7", "ftp.example.org"]
        ports = ["2100", "50000-50999"]
        proof = "key"
        tls = "required"
        log = true
    "#;
    fs::write(&path, rules).unwrap();
    let output = check(&path);
    assert_code(&output, 0);
    let summary = text(&output.stdout);
    for words in [
        "fxp.rule[0]    deny everybody, out, /, any peer but the client\n",
        "fxp.rule[1]    allow everybody, in and out, /in, 192.0.2.7 ftp.example.org, ports 2100 50000-50999, \
         TLS only, with the key, logged\n",
    ] {
        assert!(summary.contains(words), "{words}: {summary}");
    }
}

#[test]
fn a_missing_configuration_is_explained() {
    let output = fxpd(&["--config", "/nonexistent/fxpd.toml"]);
    assert_code(&output, 2);
    assert!(text(&output.stderr).contains("fxpd init"));
    assert_code(&fxpd(&["--no-such-flag"]), 2);
    assert_code(&fxpd(&["nonsense"]), 2);
}

#[test]
fn passwd_hashes_the_first_line() {
    for (input, password) in [
        ("open sesame", "open sesame"),
        ("open sesame\n", "open sesame"),
        ("dos\r\n", "dos"),
        (" blanks \nsecond line", " blanks "),
    ] {
        let hash = hash_of(input);
        let hash: Password = hash.parse().unwrap();
        assert!(hash.verify(&Secret::new(password)), "{input:?}");
        assert!(!hash.verify(&Secret::new("something else")));
    }
    assert_ne!(hash_of("same"), hash_of("same"), "two hashes share a salt");
}

#[test]
fn passwd_refuses_what_no_client_can_send() {
    for input in ["", "\n", "nul\0nul", &"x".repeat(5000)] {
        let output = passwd(input);
        assert_code(&output, 2);
        assert!(output.stdout.is_empty());
        assert!(!text(&output.stderr).contains("xxxx"));
    }
}

fn written_by_init() -> String {
    let directory = tempfile::tempdir().unwrap();
    assert_code(&fxpd(&["init", directory.path().to_str().unwrap()]), 0);
    fs::read_to_string(directory.path().join("fxpd.toml")).unwrap()
}

/// Lines that begin with `#` and go on without a blank are examples.
fn uncommented(configuration: &str) -> String {
    let mut examples = String::new();
    for line in configuration.lines() {
        let example = line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with(' '));
        examples += example.unwrap_or(line);
        examples.push('\n');
    }
    examples
}

/// The keys that the error about an unknown one lists.
fn expected_keys(broken: &str) -> Vec<String> {
    let error = Config::parse(broken).unwrap_err().to_string();
    let (_, list) = error.split_once("expected ").unwrap_or_else(|| panic!("no list of keys in: {error}"));
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn hash_of(input: &str) -> String {
    let output = passwd(input);
    assert_code(&output, 0);
    text(&output.stdout).trim().to_owned()
}

fn passwd(input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fxpd"))
        .arg("passwd")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn check(path: &Path) -> Output {
    fxpd(&["check", "--config", path.to_str().unwrap()])
}

fn fxpd(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fxpd"));
    command.args(arguments).env_remove("FXPD_CONFIG").env_remove("FXPD_LOG").output().unwrap()
}

#[track_caller]
fn assert_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}{}", text(&output.stdout), text(&output.stderr));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
