//! Every floor knows only the floors beneath it: `cargo metadata` is compared with the table of
//! ARCHITECTURE.md, row by row. And what comes from elsewhere: licences and banned crates as in `deny.toml`
//! (which `cargo deny` reads too, where it is installed).
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Package names without `fxp-`, and the ones each uses.
type Table = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The table between the markers in ARCHITECTURE.md: `| crate | may use | ...`.
fn documented() -> Table {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let table = text.split("<!-- floors -->").nth(1).expect("the floors table stands between two markers");
    table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let mut cells = line.split('|').skip(1);
            let name = cells.next().expect("first cell").trim().trim_matches('`').to_owned();
            let uses = cells.next().expect("second cell");
            (name, uses.split('`').skip(1).step_by(2).map(str::to_owned).collect())
        })
        .collect()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn packages(metadata: &Value) -> impl Iterator<Item = (&str, &Value)> {
    metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(|package| (package["name"].as_str().expect("name"), package))
}

/// What the manifests really say: ordinary dependencies among the crates of the house.
fn actual(metadata: &Value) -> Table {
    packages(metadata)
        .filter_map(|(name, package)| Some((name.strip_prefix("fxp-")?, package)))
        .filter(|(name, _)| !matches!(*name, "tests" | "bench" | "testkit"))
        .map(|(name, package)| (name.to_owned(), ours(package, None)))
        .collect()
}

/// The house's own crates among a package's dependencies of one kind (`None` is the ordinary kind).
fn ours(package: &Value, kind: Option<&str>) -> BTreeSet<String> {
    package["dependencies"]
        .as_array()
        .expect("dependencies")
        .iter()
        .filter(|dependency| dependency["kind"].as_str() == kind)
        .filter_map(|dependency| dependency["name"].as_str()?.strip_prefix("fxp-").map(str::to_owned))
        .collect()
}

#[test]
fn every_floor_knows_only_the_floors_beneath_it() {
    let (documented, actual) = (documented(), actual(&metadata()));
    assert_eq!(
        documented.keys().collect::<Vec<_>>(),
        actual.keys().collect::<Vec<_>>(),
        "a crate is missing in the table of ARCHITECTURE.md, or in the workspace"
    );
    for (name, uses) in &actual {
        let allowed = &documented[name];
        assert!(uses.is_subset(allowed), "{name} uses {uses:?}, the table allows {allowed:?}");
        assert!(
            allowed.is_subset(uses),
            "{name} may use {allowed:?} but uses {uses:?}: the table is too wide"
        );
    }
}

#[test]
fn the_testkit_is_for_tests_only() {
    let metadata = metadata();
    for (name, package) in packages(&metadata) {
        assert!(!ours(package, None).contains("testkit") || name == "fxp-bench", "{name} ships the testkit");
    }
}

#[test]
fn no_crate_may_hold_unsafe_code() {
    let metadata = metadata();
    for (name, package) in packages(&metadata) {
        for target in package["targets"].as_array().expect("targets") {
            let kind = target["kind"][0].as_str().expect("kind");
            if !matches!(kind, "lib" | "bin") {
                continue;
            }
            let path = target["src_path"].as_str().expect("src_path");
            let text = std::fs::read_to_string(path).expect("source");
            assert!(text.contains("#![forbid(unsafe_code)]"), "{name}: {path} does not forbid unsafe code");
        }
    }
}

/// A list of strings, or of `{ name = ".." }` tables, in `deny.toml`.
fn deny_list(section: &str, key: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let file: toml::Table = text.parse().expect("deny.toml is TOML");
    let rows = file[section][key].as_array().expect("a list");
    rows.iter().map(|row| row.as_str().or_else(|| row["name"].as_str()).expect("a name").to_owned()).collect()
}

/// Every package that a build on Linux compiles, tests included.
fn all_packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

/// Whether an SPDX expression without nesting deeper than one pair of parentheses can be satisfied.
fn satisfiable(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let one = |term: &str| {
        let term = term.trim().trim_matches(['(', ')']);
        term.split(" OR ").flat_map(|term| term.split('/')).any(|licence| allowed.contains(licence.trim()))
    };
    if expression.contains('(') || !expression.contains(" OR ") {
        expression.split(" AND ").all(one)
    } else {
        expression.split(" OR ").any(|term| term.split(" AND ").all(one))
    }
}

#[test]
fn licences_can_be_met() {
    let allowed = deny_list("licenses", "allow");
    for package in all_packages() {
        let (name, licence) = (&package["name"], package["license"].as_str().unwrap_or("none"));
        assert!(satisfiable(licence, &allowed), "{name}: {licence} is not among the licences of deny.toml");
    }
}

#[test]
fn there_is_one_tls_library() {
    let banned = deny_list("bans", "deny");
    // The resolver's graph also holds optional crates that no feature switches on; a tree does not.
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--prefix", "none", "--edges", "normal,build", "--offline", "--locked"])
        .current_dir(root())
        .output()
        .expect("cargo tree runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let name = line.split(' ').next().unwrap_or_default();
        assert!(!banned.contains(name), "{name} is banned by deny.toml");
    }
}

/// The names of the functions that follow `#[test]` or its kin in the Rust files beneath `folder`.
fn tests_beneath(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                tests_beneath(&path, names);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("source");
            for part in ["#[test]", "#[tokio::test"].iter().flat_map(|mark| text.split(mark).skip(1)) {
                let name = part.split_once("fn ").map_or("", |(_, rest)| rest);
                names.insert(name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            }
        }
    }
}

#[test]
fn the_table_of_attacks_names_its_tests() {
    let text = std::fs::read_to_string(root().join("docs/security/ATTACKS.md")).expect("ATTACKS.md");
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let named: BTreeSet<&str> = rows
        .filter_map(|row| row.trim_end_matches([' ', '|']).rsplit('|').next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        // With its modules or without.
        .filter_map(|word| word.rsplit("::").next())
        .filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))
        .collect();

    let (mut attacks, mut all) = (BTreeSet::new(), BTreeSet::new());
    tests_beneath(&root().join("tests/attacks"), &mut attacks);
    for folder in ["tests", "crates", "programs"] {
        tests_beneath(&root().join(folder), &mut all);
    }
    let unnamed: Vec<_> = attacks.iter().filter(|name| !named.contains(name.as_str())).collect();
    assert!(unnamed.is_empty(), "tests of tests/attacks that ATTACKS.md does not name: {unnamed:?}");
    // Names of tests are sentences; settings with fewer words stand there, too.
    let sentences = named.iter().filter(|name| name.matches('_').count() >= 3);
    let unknown: Vec<_> = sentences.filter(|name| !all.contains(**name)).collect();
    assert!(unknown.is_empty(), "tests that ATTACKS.md names and nobody has: {unknown:?}");
}
