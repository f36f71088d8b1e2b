//! What the configuration file accepts, and what it says about mistakes.

use fxp_server::config::Config;
use fxp_server::config::network::{Listen, PassiveAddress, Pem, PortRange, TlsNeed};
use fxp_server::config::password::{Cost, Password};
use fxp_server::config::user::Upload;
use fxp_store::Secret;

const HASH: &str =
    "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$pmIQLBSrsPMUt7bWWo2bzNa2XVpHgrREykPGblr0XUk";

/// The error of `text` names the line and holds all the words.
#[track_caller]
fn refuses(text: &str, words: &[&str]) {
    let error = Config::parse(&text.replace("HASH", HASH)).expect_err(text).to_string();
    for word in words {
        assert!(error.contains(word), "{word:?} is not in:\n{error}");
    }
}

#[test]
fn mistakes_are_named_with_line_and_key() {
    refuses("lisen = []", &["line 1", "lisen", "unknown field"]);
    refuses("\nlisten = [\"nowhere\"]", &["line 2", "nowhere", "0.0.0.0:21"]);
    refuses("listen = []", &["listen", "no address"]);
    refuses("listen = [{ address = \"0.0.0.0:990\", tls = \"implicit\" }]", &["listen[0].tls", "[tls]"]);
    refuses("listen = [{ address = \"0.0.0.0:990\", ssl = true }]", &["line 1", "ssl"]);
    refuses("passive_ports = \"9-3\"", &["line 1", "9-3", "50000-50999"]);
    refuses("passive_ports = \"0-3\"", &["line 1", "0-3"]);
    refuses("passive_address = \"300.1.1.1\"", &["line 1", "300.1.1.1"]);
    refuses("data_tls_reuse = \"require\"", &["data_tls_reuse", "[tls]"]);
    refuses("data_tls_reuse = \"always\"", &["line 1", "require"]);
    refuses("[limits]\nidle_timeout = 0", &["line 2", "0 seconds"]);
    refuses("[limits]\nban_time = 0", &["line 2", "0 seconds"]);
    refuses("[limits]\nnever_ban = [\"10.0.0.0/40\"]", &["line 2"]);
    refuses("[limits]\nidle_timeout = 999999999", &["line 2", "unit is seconds"]);
    refuses("[tls]\ncertificate = \"c\"", &["line 1", "key"]);
    let user = "[[user]]\nname = \"a\"\npassword = \"HASH\"\nhome = \"/a\"\n";
    refuses(&user.replace("HASH", "secret"), &["line 3", "fxpd passwd"]);
    refuses(&user.replace("argon2id", "argon2i").replace("HASH", "$argon2i$v=19"), &["line 3"]);
    refuses(&format!("{user}rights = \"all\""), &["line 5", "all", "read_only"]);
    refuses(&format!("{user}rights = [\"read\", \"chmod\"]"), &["line 5", "chmod"]);
    refuses(&format!("{user}upload = \"later\""), &["line 5", "atomic"]);
    refuses(&format!("{user}tls = \"required\""), &["user[0].tls", "[tls]"]);
    refuses(&format!("{user}{user}"), &["user[1].name", "twice"]);
    refuses("fxp = \"maybe\"", &["line 1", "maybe"]);
    let rule = "[[fxp.rule]]\naction = \"allow\"\n";
    refuses("[[fxp.rule]]\naction = \"permit\"", &["line 2", "permit"]);
    refuses("[[fxp.rule]]\nwho = \"a\"", &["line 1", "action"]);
    refuses("[[fxp.rule]]\naction = \"deny\"\ntls = \"required\"", &["fxp.rule[0].tls", "wrong way"]);
    refuses(&format!("{rule}peer = \"192.0.2.0/33\""), &["line 3", "192.0.2.0/33"]);
    refuses(&format!("{rule}proof = \"oath\""), &["line 3", "oath"]);
    refuses("[[fxp.rule]]\naction = \"deny\"\nproof = \"key\"", &["fxp.rule[0].proof", "wrong way"]);
    refuses(&format!("{rule}path = \"incoming\""), &["line 3", "begin with /"]);
    refuses(&format!("{rule}who = \"bob\"\n{user}"), &["fxp.rule[0].who", "bob"]);
}

#[test]
fn a_mistake_with_a_password_does_not_show_it() {
    for written in ["\"plain4711\"", "4711", "47.11", "plain4711", "\"plain4711", "[\"plain4711\"]"] {
        let text = format!("[[user]]\nname = \"a\"\nhome = \"/a\"\npassword = {written}");
        let error = Config::parse(&text).expect_err(&text);
        for shown in [error.to_string(), format!("{error:?}")] {
            assert!(shown.contains("line") && shown.contains('4'), "{shown}");
            assert!(!shown.contains("plain") && !shown.contains("11"), "{written} is shown: {shown}");
        }
    }
}

#[test]
fn short_and_long_forms_mean_the_same() {
    let config = Config::parse(&format!(
        "listen = [\"127.0.0.1:0\", {{ address = \"[::1]:990\", tls = \"implicit\" }}]
         passive_ports = \"50000\"
         passive_address = \"%eth0\"
         [tls]
         certificate = \"-----BEGIN CERTIFICATE-----\"
         key = \"/k.pem\"
         data = \"required\"
         [[user]]
         name = \"a\"
         password = \"{HASH}\"
         home = \"/a\"
         rights = [\"read\", \"list\", \"write\"]
         upload = \"atomic\"
         [[fxp.rule]]
         action = \"allow\"
         who = \"a\"
         peer = \"192.0.2.77/24\"
         [[fxp.rule]]
         action = \"deny\"
         who = [\"a\"]
         peer = [\"2001:db9::1\", \"ftp.example.org\"]"
    ))
    .unwrap();
    assert_eq!(config.listen[0], Listen::explicit("127.0.0.1:0".parse().unwrap()));
    assert_eq!(config.listen[1], Listen::implicit("[::1]:990".parse().unwrap()));
    assert_eq!(config.passive_ports, PortRange::new(50000, 50000).unwrap());
    assert_eq!(config.passive_address, Some(PassiveAddress::Interface("eth0".into())));
    let tls = config.tls.unwrap();
    assert_eq!((tls.control, tls.data), (TlsNeed::Offered, TlsNeed::Required));
    assert_eq!(tls.certificate, Pem::Text("-----BEGIN CERTIFICATE-----".into()));
    assert_eq!(tls.key, Pem::Path("/k.pem".into()));
    let user = &config.users[0];
    assert!(user.rights.write && !user.rights.overwrite && user.upload == Upload::Atomic);
    let peers: Vec<String> =
        config.fxp.rules.iter().flat_map(|rule| &rule.peer).map(ToString::to_string).collect();
    assert_eq!(peers, ["192.0.2.0/24", "2001:db9::1", "ftp.example.org"]);
}

#[test]
fn secrets_are_not_shown() {
    let config = Config::parse(&format!(
        "[tls]\ncertificate = \"c\"\nkey = \"-----BEGIN PRIVATE KEY-----\"\n\
         [[user]]\nname = \"a\"\npassword = \"{HASH}\"\nhome = \"/a\""
    ))
    .unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains("argon2") && !shown.contains("PRIVATE"), "{shown}");
}

#[test]
fn passwords_are_checked_by_their_own_parameters() {
    let secret = Secret::new("open sesame");
    let password = Password::hash(&secret, Cost::Light);
    assert!(password.as_phc().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
    assert!(password.verify(&secret));
    assert!(!password.verify(&Secret::new("open sesame!")));
    assert_eq!(password.as_phc().parse(), Ok(password.clone()));
    assert_ne!(Password::hash(&secret, Cost::Light), password, "salts differ");
}

#[test]
fn careless_settings_are_pointed_out() {
    let config = Config::parse("passive_ports = \"8080-8083\"\n[[fxp.rule]]\naction = \"allow\"").unwrap();
    let warnings = config.warnings().join("\n");
    for word in ["no [tls]", "nobody can log in", "4 ports", "includes 8080", "no peer", "in clear"] {
        assert!(warnings.contains(word), "{word:?} is not in:\n{warnings}");
    }
    let guessed = "[limits]\nban_after = 0\nnever_ban = [\"::/0\"]\nlogin_attempts = 0";
    let warnings = Config::parse(guessed).unwrap().warnings().join("\n");
    for word in ["without end", "never_ban has ::/0", "login_attempts = 0"] {
        assert!(warnings.contains(word), "{word:?} is not in:\n{warnings}");
    }
    let cheap =
        format!("[limits]\nban_after = 2\n[[user]]\nname = \"a\"\npassword = \"{HASH}\"\nhome = \"/a\"");
    let warned = |text: &str, word: &str| Config::parse(text).unwrap().warnings().join("\n").contains(word);
    assert!(warned(&cheap, "the password of a is hashed so cheaply") && warned(&cheap, "locked out for 900"));
    for dear in ["m=19456,t=2", "m=12288,t=3", "m=9216,t=4", "m=7168,t=5"] {
        assert!(!warned(&cheap.replace("m=64,t=1", dear), "cheaply"), "{dear}");
    }
    for (peer, warned) in [("0.0.0.0/0", true), ("::/0", true), ("10.0.0.0/8", false)] {
        let rule = format!("[[fxp.rule]]\naction = \"deny\"\npeer = \"{peer}\"");
        let warnings = Config::parse(&rule).unwrap().warnings().join("\n");
        assert_eq!(warnings.contains("ordinary transfers fail"), warned, "{warnings}");
    }
}
