//! `fxp site import`: lists of other programs become sites, and their passwords go where they are told to.

use std::fs;

use crate::{Machine, Ran};

const LFTP: &str = "work\tftp://ann:ses%20ame@ftp.example.org/~/projects/\n\
    safe\tftps://bob:pot%22ato@h:2990//srv\n\
    lone\tftp://h2/\n\
    ssh\tsftp://bob:hidden@h\n";

const FILEZILLA: &str = "<?xml version=\"1.0\"?>\n<FileZilla3 version=\"3.63.0\" platform=\"*nix\"><Servers>\n\
    <Folder expanded=\"1\">Home\n<Server><Host>nas.example.net</Host><Port>2121</Port><Protocol>4</Protocol>\
    <User>me</User><Pass encoding=\"base64\">c2VzYW1l</Pass><Logontype>1</Logontype><Name>My NAS</Name></Server>\
    </Folder>\n<Server><Host>h</Host><Port>22</Port><Protocol>1</Protocol><Name>ssh</Name></Server>\n\
    </Servers></FileZilla3>\n";

const RCLONE: &str = "[remote box]\ntype = ftp\nhost = h\nuser = bob\npass = YWFhYWFhYWFhYWFhYWFhYXMaGgIlEQ\n\
    explicit_tls = true\n\n[cloud]\ntype = s3\n";

fn ok(ran: Ran) -> Ran {
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran
}

/// A machine with a list on it, and the list's path.
fn with_list(text: &str) -> (Machine, String) {
    let machine = Machine::new();
    let file = machine.home().join("list");
    fs::write(&file, text).expect("the list can be written");
    let file = file.to_str().expect("UTF-8").to_owned();
    (machine, file)
}

#[test]
fn lists_of_all_programs_become_sites() {
    let rows = [
        (
            LFTP,
            "lone            ftp://h2\n\
             safe            ftps://bob@h:2990/srv\n\
             work            ftp://ann@ftp.example.org/projects\n",
        ),
        (FILEZILLA, "My-NAS          ftpes://me@nas.example.net:2121\n"),
        (RCLONE, "remote-box      ftpes://bob@h\n"),
    ];
    for (list, expected) in rows {
        let (machine, file) = with_list(list);
        let ran = ok(machine.run(&["site", "import", &file]));
        assert!(ran.stdout.contains("is left out: "), "{}", ran.stdout);
        assert!(ran.stderr.contains("in the list, and sites hold none"), "{}", ran.stderr);
        assert_eq!(ok(machine.run(&["site", "ls"])).stdout, expected);

        let book = fs::read_to_string(machine.home().join(".config/fxp/sites.toml")).expect("a book");
        for secret in ["ses ame", "ses%20ame", "potato", "sesame", "hidden", "c2VzYW1l"] {
            let said = [&ran.stdout, &ran.stderr, &book];
            assert!(said.iter().all(|text| !text.contains(secret)), "{secret} in {said:?}");
        }
        assert!(!machine.home().join(".netrc").exists(), "nobody asked for it");
    }
}

#[test]
fn passwords_go_to_netrc_only_when_asked() {
    let (machine, file) = with_list(LFTP);
    let netrc = machine.home().join(".netrc");
    let old = "machine h login bob password other\ndefault login anonymous password me@";
    fs::write(&netrc, old).expect("netrc can be written");

    let dry = ok(machine.run(&["site", "import", &file, "--netrc", "--dry-run"]));
    assert!(dry.stdout.contains("ftp.example.org/projects  (password to netrc)"), "{}", dry.stdout);
    assert!(dry.stdout.contains("another password of bob at h"), "{}", dry.stdout);
    assert_eq!(fs::read_to_string(&netrc).expect("netrc"), old);
    assert_eq!(ok(machine.run(&["site", "ls"])).stdout, "");

    ok(machine.run(&["site", "import", &file, "--netrc"]));
    assert_eq!(
        fs::read_to_string(&netrc).expect("netrc"),
        "machine h login bob password other\n\nmachine ftp.example.org login ann password \"ses ame\"\n\n\
         default login anonymous password me@"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&netrc).expect("netrc").permissions().mode() & 0o777, 0o600);
    }

    let again = ok(machine.run(&["site", "import", &file, "--netrc"]));
    assert!(again.stdout.contains("is there already\n"), "{}", again.stdout);
    assert!(!again.stdout.contains("password to netrc"), "{}", again.stdout);
}

#[test]
fn sites_that_are_there_stay_unless_they_are_to_be_replaced() {
    let (machine, file) = with_list(LFTP);
    ok(machine.run(&["site", "add", "work", "ftp://else"]));
    ok(machine.run(&["site", "add", "lone", "ftp://h2:2121", "--listens", "no"]));
    let ran = ok(machine.run(&["site", "import", &file]));
    assert!(ran.stderr.contains("lftp: 1 added, 2 not taken over"), "{}", ran.stderr);
    assert!(ok(machine.run(&["site", "ls"])).stdout.contains("ftp://else"));

    let ran = ok(machine.run(&["site", "import", &file, "--replace", "--json"]));
    let records: Vec<serde_json::Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let outcomes: Vec<&str> = records.iter().filter_map(|record| record["outcome"].as_str()).collect();
    assert_eq!(outcomes, ["replaced", "equal", "replaced", "left_out"]);
    assert_eq!(
        ok(machine.run(&["site", "ls"])).stdout,
        "lone            ftp://h2  (never listens)\n\
         safe            ftps://bob@h:2990/srv\n\
         work            ftp://ann@ftp.example.org/projects\n"
    );
}

#[test]
fn usual_places_are_known_and_other_files_are_refused() {
    let machine = Machine::new();
    assert_eq!(machine.run(&["site", "import"]).code, Some(2));
    assert_eq!(machine.run(&["site", "import", "--from", "lftp"]).code, Some(3));
    let directory = machine.home().join(".local/share/lftp");
    fs::create_dir_all(&directory).expect("a directory");
    fs::write(directory.join("bookmarks"), LFTP).expect("bookmarks");
    let ran = ok(machine.run(&["site", "import", "--from", "lftp"]));
    assert!(ran.stderr.contains("3 added, 1 left out"), "{}", ran.stderr);

    let (machine, file) = with_list("# nothing like a list\n");
    let ran = machine.run(&["site", "import", &file]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("--from"), "{}", ran.stderr);
    let ran = machine.run(&["site", "import", &file, "--from", "filezilla"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert_eq!(machine.run(&["site", "import", "/nowhere"]).code, Some(3));
}
