//! Help texts are the reference, so they are compared word by word. After a change on purpose:
//! `FXP_UPDATE=1 cargo test -p fxp help`, and read the difference.

use std::path::Path;

use crate::Machine;

const COMMANDS: &[&str] = &[
    "",
    "cp",
    "ls",
    "cat",
    "rm",
    "mkdir",
    "mv",
    "resume",
    "jobs",
    "sync",
    "check",
    "tree",
    "du",
    "hash",
    "filter",
    "filter test",
    "doctor",
    "site",
    "site add",
    "site import",
    "site ls",
    "site rm",
    "site test",
    "site show",
    "site unlearn",
    "trust",
    "trust ls",
    "trust add",
    "trust rm",
    "completions",
    "man",
    // Only Linux has it, but the texts were written there.
    "demo",
    "cp -h",
];

#[test]
fn help_texts_are_as_written() {
    let machine = Machine::new();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/help");
    for &command in COMMANDS {
        if command == "demo" && !cfg!(target_os = "linux") {
            continue;
        }
        let mut arguments: Vec<&str> = command.split_whitespace().collect();
        if !command.ends_with("-h") {
            arguments.push("--help");
        }
        let ran = machine.run(&arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "fxp {arguments:?}");
        let name = if command.is_empty() { "fxp".to_owned() } else { command.replace(' ', "_") };
        let file = directory.join(name + ".txt");
        if std::env::var_os("FXP_UPDATE").is_some() {
            std::fs::write(&file, &ran.stdout).expect("the snapshot can be written");
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            ran.stdout == expected,
            "fxp {arguments:?} differs from {}; it prints:\n{}",
            file.display(),
            ran.stdout
        );
    }
}
