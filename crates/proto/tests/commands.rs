//! The table of commands is complete, and `docs/commands.md` says what it says.

use std::path::Path;

use fxp_proto::grammar::handbook::commands_markdown;
use fxp_proto::grammar::verb::{TABLE, Verb};

#[test]
fn the_page_is_made_from_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands.md");
    let made = commands_markdown();
    if std::env::var_os("FXP_UPDATE").is_some() {
        std::fs::write(&path, made).expect("docs/commands.md can be written");
        return;
    }
    let stored = std::fs::read_to_string(&path).expect("docs/commands.md");
    assert!(
        stored == made,
        "docs/commands.md is out of date: FXP_UPDATE=1 cargo test -p fxp-proto --test commands"
    );
}

#[test]
fn every_command_of_the_specifications_is_in_the_table() {
    for (document, commands) in [
        (
            "RFC 959",
            "USER PASS ACCT CWD CDUP SMNT REIN QUIT PORT PASV TYPE STRU MODE RETR STOR STOU APPE ALLO REST \
             RNFR RNTO ABOR DELE RMD MKD PWD LIST NLST SITE SYST STAT HELP NOOP",
        ),
        ("RFC 1123", "XMKD XRMD XPWD XCUP XCWD"),
        ("RFC 1639", "LPRT LPSV"),
        ("RFC 2228", "AUTH ADAT PBSZ PROT CCC MIC CONF ENC"),
        ("RFC 2389", "FEAT OPTS"),
        ("RFC 2428", "EPRT EPSV"),
        ("RFC 2640", "LANG"),
        ("RFC 3659", "MDTM SIZE REST MLST MLSD"),
        ("RFC 7151", "HOST"),
        ("drafts", "MFMT MFCT MFF HASH RANG MD5 MMD5 AVBL"),
        (
            "practice",
            "XCRC XMD5 XSHA XSHA1 XSHA256 XSHA512 CLNT CSID COMB CPSV SSCN CCSN CEPR PRET PEER RATE",
        ),
    ] {
        for command in commands.split(' ') {
            assert!(Verb::parse(command.as_bytes()).is_some(), "{command} of {document}");
        }
    }
    for child in ["HELP", "CHMOD", "UTIME", "SYMLINK"] {
        assert!(Verb::parse_site(child.as_bytes()).is_some_and(Verb::is_site), "SITE {child}");
    }
}

#[test]
fn names_are_unique_and_summaries_are_sentences() {
    let mut names: Vec<&str> = TABLE.iter().map(|row| row.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), TABLE.len());
    for row in TABLE {
        assert!(row.summary.ends_with('.') && !row.rfc.is_empty(), "{}", row.name);
        let word = row.name.rsplit(' ').next().unwrap_or(row.name);
        assert!(row.feat.is_none_or(|line| line.contains(word)), "{}: {:?}", row.name, row.feat);
    }
}
