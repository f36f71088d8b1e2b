//! What is asked about single files, and done to them: sizes, times, digests, directories.

use super::*;

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
