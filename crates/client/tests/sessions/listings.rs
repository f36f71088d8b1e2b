//! Directories: by MLSD, by LIST, and over the control connection.

use super::*;

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
async fn several_directories_are_listed_without_a_wait_for_each() {
    let itself = "drwxr-xr-x 2 u g 0 Jan 01 2020 .";
    let listing = |name: &str| {
        format!("S: 213-Status\nS: {itself}\nS: -rw-r--r-- 1 u g 7 Jan 01 2020 {name}\nS: 213 End\n")
    };
    let (a, d) = (listing("in-a"), listing("in-d"));
    // After a refused CWD, STAT tells of the directory before. What names no directory tells nothing.
    let (mut session, server) = session(
        "SIZE",
        &format!(
            "C: CWD /a\nC: STAT -la\nC: CWD /b\nC: STAT -la\nC: CWD /c\nC: STAT -la\nC: CWD /d\nC: STAT -la\n\
             S: 250 Ok\n{a}S: 550 No\n{a}S: 250 Ok\nS: 213-Status\nS: 213 End\nS: 250 Ok\n{d}\
             C: CWD /a\nC: STAT -la\nC: CWD /b\nC: STAT -la\nS: 250 Ok\n{a}S: 250 Ok\n>: hang up"
        ),
    )
    .await;
    let paths = ["/a", "/b", "/c", "/d"].map(path);
    let shown = |told: Vec<Option<Vec<Entry>>>| {
        let shown = told.into_iter().map(|told| told.map_or_else(|| "?".to_owned(), |told| show(&told)));
        shown.collect::<Vec<_>>()
    };
    let unknown = session.list_several(&paths, Queueing::Small).await;
    assert_eq!(shown(unknown), ["?"; 4], "nobody knows yet whether STAT is to be believed");
    session.expect_stat_lists(Some(true));
    let told = session.list_several(&paths, Queueing::Small).await;
    assert_eq!(shown(told), ["in-a 7", "?", "?", "in-d 7"]);
    let told = session.list_several(&paths[..2], Queueing::Small).await;
    assert_eq!(shown(told), ["in-a 7", "?"]);
    assert!(!session.is_usable());
    server.done().await;
}

#[tokio::test]
async fn mlsc_lists_where_it_has_a_ceiling_and_tells_all() {
    let mlsd = |path: &str| {
        format!(
            "C: EPSV\nS: 229 Ok {{epsv}}\nC: MLSD {path}\nS: 150 Here\n>: give type=file;size=7; by-mlsd\\n\nS: 226 Ok\n"
        )
    };
    let (mut session, server) = session(
        "MLST_type;size; MLSC_1000 EPSV",
        &format!(
            "C: MLSC /a\nS: 250-Contents\nS:  type=file;size=1; one\nS:  type=dir; two words\n\
             S: 250 End of listing, 2 left out: names that FTP cannot carry\n\
             C: MLSC /many\nS: 504 Too many\n{many}\
             C: MLSC /broken\nS: 250-Contents\nS:  type=file;size=1; one\nS: 250 disk error\n{broken}\
             C: MLSC /a\nC: MLSC /many\nC: MLSC /empty\nS: 250-Contents\nS:  type=file;size=1; one\nS: 250 End\n\
             S: 504 Too many\nS: 250-Contents\nS: 250 End\n{many}\
             C: MLSC /a\nS: 502 What?\n{never}{again}",
            many = mlsd("/many"),
            broken = mlsd("/broken"),
            never = mlsd("/a"),
            again = mlsd("/a")
        ),
    )
    .await;
    let told = session.list(&path("/a")).await.unwrap();
    assert_eq!(told.iter().filter(|entry| entry.left_out.is_some()).count(), 1, "{told:?}");
    assert_eq!(show(&told[1..]), "one 1, two words/ -");
    assert_eq!(show(&session.list(&path("/many")).await.unwrap()), "by-mlsd 7");
    assert_eq!(show(&session.list(&path("/broken")).await.unwrap()), "by-mlsd 7");
    let several = session.list_several(&["/a", "/many", "/empty"].map(path), Queueing::Small).await;
    let shown: Vec<_> = several.iter().map(|told| told.as_deref().map(show)).collect();
    assert_eq!(shown, [Some("one 1".to_owned()), None, Some(String::new())]);
    assert_eq!(show(&session.list_by_itself(&path("/many")).await.unwrap()), "by-mlsd 7");
    for _ in 0..2 {
        assert_eq!(show(&session.list(&path("/a")).await.unwrap()), "by-mlsd 7");
    }
    server.done().await;
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
