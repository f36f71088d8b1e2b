//! Every refusal that we have met, and what it means.

use fxp_proto::grammar::reply::ReplyParser;
use fxp_proto::grammar::verb::Verb;
use fxp_proto::pair::refusal::classify;
use fxp_proto::pair::verdict::Step;
use fxp_proto::path::VPath;

#[test]
fn servers_are_understood_when_they_refuse() {
    let rows = include_str!("data/refusals.txt").lines().enumerate();
    let wrong: Vec<String> = rows
        .filter(|(_, row)| !row.is_empty() && !row.starts_with('#'))
        .filter_map(|(index, row)| {
            check(row).err().map(|found| format!("line {}: {found}: {row}", index + 1))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(row: &str) -> Result<(), String> {
    let (row, about) = row.split_once(" # ").map_or((row, None), |(row, path)| (row.trim_end(), Some(path)));
    let path = about.map(|path| VPath::parse(path.as_bytes()).expect("a path"));
    let mut words = row.splitn(2, char::is_whitespace).map(str::trim);
    let expected = words.next().unwrap();
    let mut words = words.next().unwrap().splitn(2, char::is_whitespace).map(str::trim);
    let step = step(words.next().unwrap());
    let mut words = words.next().unwrap().splitn(2, char::is_whitespace).map(str::trim);
    let verb = Verb::parse(words.next().unwrap().as_bytes()).expect("a verb of the table");
    let reply = ReplyParser::default().line(words.next().unwrap().as_bytes()).unwrap().expect("a reply");
    let found = format!("{:?}", classify(step, Some(verb), path.as_ref(), &reply));
    if found == expected { Ok(()) } else { Err(found) }
}

fn step(word: &str) -> Step {
    match word {
        "prepare" => Step::Prepare,
        "announce" => Step::Announce,
        "listen" => Step::Listen,
        "connect" => Step::Connect,
        "restart" => Step::Restart,
        "transfer" => Step::Transfer,
        other => panic!("no such step: {other}"),
    }
}
