//! The session that the documentation shows is typed here, against real servers.

use crate::servers::{Kind, Server};
use crate::{Machine, Ran};

/// The commands of the document with what they print.
fn documented() -> Vec<(String, String)> {
    let text = include_str!("../../../../docs/session.md");
    let block = text.split("```console\n").nth(1).and_then(|rest| rest.split("```").next());
    let mut steps: Vec<(String, String)> = Vec::new();
    for line in block.expect("a console block").lines() {
        match line.strip_prefix("$ fxp ") {
            Some(command) => steps.push((command.to_owned(), String::new())),
            None => {
                let (_, output) = steps.last_mut().expect("a command comes first");
                output.push_str(line);
                output.push('\n');
            }
        }
    }
    steps
}

/// Without times and rates, which are different every day.
fn timeless(output: &str) -> String {
    let cut = |line: &str| match line.split_once(" in ") {
        Some((before, after)) if after.starts_with(|first: char| first.is_ascii_digit()) => before.to_owned(),
        _ => line.to_owned(),
    };
    output.lines().map(|line| cut(line) + "\n").collect()
}

#[test]
fn the_session_in_the_documentation_is_real() {
    let (fat, big) = (Server::start(2, Kind::TLS), Server::start(3, Kind::TLS));
    let machine = Machine::that_knows(&[&fat, &big]);
    fat.put("photos/beach.jpg", &[1; 2_000_000]);
    fat.put("photos/harbour.jpg", &[2; 1_470_000]);
    std::fs::create_dir(big.file("archive")).expect("a directory can be made");
    let names = [("fat.example.org", fat.address.to_string()), ("big.example.net", big.address.to_string())];

    let steps = documented();
    assert!(steps.len() >= 8, "the document holds {} commands", steps.len());
    for (command, expected) in steps {
        let (mut typed, mut expected) = (command.clone(), expected);
        for (name, address) in &names {
            typed = typed.replace(name, address);
            expected = expected.replace(name, address);
        }
        let Ran { stdout, stderr, .. } = machine.run(&typed.split(' ').collect::<Vec<_>>());
        assert_eq!(timeless(&(stdout + &stderr)), timeless(&expected), "fxp {command}");
    }
}
