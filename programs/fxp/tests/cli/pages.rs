//! Manual pages and completions: made from the same table as the help texts.

use crate::Machine;

#[test]
fn every_command_has_a_manual_page() {
    let machine = Machine::new();
    let all = machine.run(&["man"]);
    assert_eq!((all.code, all.stderr.as_str()), (Some(0), ""));
    let titles: Vec<&str> = all.stdout.lines().filter_map(|line| line.strip_prefix(".TH ")).collect();
    for name in ["FXP ", "FXP-CP ", "FXP-SITE ", "FXP-SITE-ADD ", "FXP-TRUST-RM ", "FXP-MAN "] {
        assert!(titles.iter().any(|title| title.starts_with(name)), "no page for {name}among {titles:?}");
    }
    assert!(all.stdout.contains("FXP is impossible between these servers"), "exit codes belong to the page");

    let one = machine.run(&["man", "site", "add"]);
    assert_eq!(one.stdout.matches(".TH ").count(), 1);
    assert!(one.stdout.contains("\\-\\-data\\-address"), "{}", one.stdout);
}

#[test]
fn pages_can_be_written_to_files() {
    let machine = Machine::new();
    let directory = machine.home().join("man1");
    let ran = machine.run(&["man".as_ref(), "--out".as_ref(), directory.as_os_str()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for name in ["fxp.1", "fxp-cp.1", "fxp-site-add.1"] {
        let page = std::fs::read_to_string(directory.join(name)).expect(name);
        assert_eq!(page.matches(".TH ").count(), 1, "{name}");
    }
}

#[test]
fn shells_get_completions() {
    let machine = Machine::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = machine.run(&["completions", shell]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{shell}");
        assert!(ran.stdout.contains("dry-run") && ran.stdout.contains("trust"), "{shell}");
    }
}
