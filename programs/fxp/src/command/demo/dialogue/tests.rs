//! Dialogues in, columns out.

use std::time::Duration;

use super::*;

/// A dialogue written as `<said-left >said-right`; `=` after the side ends its login, `!` a file.
fn dialogue(script: &str) -> Dialogue {
    let dialogue = Dialogue::default();
    for word in script.split_whitespace() {
        let (side, text) = word.split_at(1);
        let leg = if side == "<" { "source" } else { "destination" };
        match text {
            "=" => dialogue.heard.lock().unwrap().logged_in(Side::of(leg)),
            "!" => {
                let mut heard = dialogue.heard.lock().unwrap();
                heard.first_file = heard.first_file.or(Some(heard.lines.len()));
            }
            text => {
                let text = text.replace('_', " ");
                dialogue.line(leg, Line { at: Duration::ZERO, from: Speaker::Server, text });
            }
        }
    }
    dialogue
}

fn check(script: &str, length: Length, expected: &[&str], left_out: usize) {
    let (rows, out) = dialogue(script).heard.lock().unwrap().rows(length);
    let word = |said: &Option<Said>| said.as_ref().map_or("-".to_owned(), |said| said.text.clone());
    let got: Vec<String> =
        rows.iter().map(|(left, right)| format!("{} | {}", word(left), word(right))).collect();
    assert_eq!((got, out), (expected.iter().map(|row| (*row).to_owned()).collect(), left_out), "{script}");
}

#[test]
fn rows_keep_the_order() {
    check("<a >b <c >d", Length::Whole, &["a | b", "c | d"], 0);
    check("<a <b >c >d", Length::Whole, &["a | -", "b | c", "- | d"], 0);
    check(">a <b", Length::Whole, &["- | a", "b | -"], 0);
    check(">a >b <c", Length::Whole, &["- | a", "- | b", "c | -"], 0);
    check("", Length::Whole, &[], 0);
}

#[test]
fn logins_stand_beside_each_other() {
    check("<1 <2 <= >1 >2 >3 >= <a >b", Length::Whole, &["1 | 1", "2 | 2", "- | 3", "a | b"], 0);
    // The source works already while the destination logs in.
    check("<1 <= <a >1 >= >b", Length::Whole, &["1 | 1", "a | b"], 0);
    check("<1 <= <a <= >1 >=", Length::Whole, &["1 | 1", "a | -"], 0);
}

#[test]
fn the_short_form_ends_with_the_first_file_and_folds_long_replies() {
    check("<a >b <! <c >d >!", Length::FirstFile, &["a | b"], 2);
    check("<a >b", Length::FirstFile, &["a | b"], 0);
    let features = "<211-Features: <_one <_two <211_End <ok <= <a";
    check(features, Length::FirstFile, &["211-Features: ... 4 lines | -", "ok | -", "a | -"], 0);
    check(
        features,
        Length::Whole,
        &["211-Features: | -", " one | -", " two | -", "211 End | -", "ok | -", "a | -"],
        0,
    );
    check("<211-open <x <=", Length::FirstFile, &["211-open ... 2 lines | -"], 0);
}

#[test]
fn cells_are_cut_to_the_column() {
    let columns = Columns { width: 8 };
    let cell = |text: &str| Cell::plain(text.to_owned(), anstyle::Style::new());
    let rows = [
        ("short", "x", "short    | x"),
        ("just fit", "x", "just fit | x"),
        ("too long for it", "the same here", "too lon~ | the sam~"),
        ("", "right", "         | right"),
        ("left", "", "left     |"),
    ];
    for (left, right, expected) in rows {
        assert_eq!(columns.row(&cell(left), &cell(right)), expected);
    }
}
