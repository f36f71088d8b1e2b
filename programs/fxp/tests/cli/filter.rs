//! `fxp filter test`: which rule decides.

use crate::Machine;

#[test]
fn the_first_rule_that_matches_decides_in_the_order_of_the_flags() {
    let machine = Machine::new();
    let rules = machine.home().join("rules");
    std::fs::write(&rules, "# what nobody needs\n- *.tmp\n- cache/\n").expect("written");
    let file = rules.to_str().expect("UTF-8");
    let typed = ["filter", "test", "--include", "keep.tmp", "--filter-from", file, "--exclude", "*.c"];
    let paths = ["a/keep.tmp", "a/x.tmp", "cache/", "cache", "a/cache/b", "x.c", "x.h"];
    let ran = machine.run(&[&typed[..], &paths[..]].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let expected = format!(
        "take       a/keep.tmp  + keep.tmp\n\
         leave out  a/x.tmp  - *.tmp ({file}, line 2)\n\
         leave out  cache/  - cache/ ({file}, line 3)\n\
         take       cache  no rule matches\n\
         leave out  a/cache/b  - cache/ ({file}, line 3) matches a/cache/\n\
         leave out  x.c  - *.c\n\
         take       x.h  no rule matches\n"
    );
    assert_eq!(ran.stdout, expected);

    let ran = machine.run(&["--json", "filter", "test", "--exclude", "d", "d/x"]);
    let told: serde_json::Value = serde_json::from_str(ran.stdout.trim()).expect("one object");
    let expected = serde_json::json!({
        "event": "ruling", "path": "d/x", "directory": false, "taken": false, "rule": "- d", "at": "d"
    });
    assert_eq!(told, expected);
}

#[test]
fn a_rule_that_is_none_is_named() {
    let machine = Machine::new();
    let rules = machine.home().join("rules");
    std::fs::write(&rules, "- a\nmerge b\n").expect("written");
    let file = rules.to_str().expect("UTF-8");
    for (flag, value, expected) in [
        ("--exclude", "[a", "has no ]"),
        ("--filter-from", file, "rules, line 2: a rule is written"),
        ("--filter-from", "/no/such/file", "cannot be read"),
    ] {
        let ran = machine.run(&["filter", "test", flag, value, "x"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{flag} {value}");
        assert!(ran.stderr.contains(expected), "{flag} {value}: {}", ran.stderr);
    }
}
