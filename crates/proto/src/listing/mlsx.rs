//! MLST and MLSD (RFC 3659, 7): `fact=value;fact=value; name`.

use std::fmt::Write as _;

use super::entry::{Entry, Kind, Precision};
use super::time::FtpTime;
use crate::grammar::reply::Reply;
use crate::wire::text::Text;

/// Which MLSx facts the client wants (RFC 3659, 7.9). All by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is the fact of its name")]
pub struct FactSet {
    pub kind: bool,
    pub size: bool,
    pub modify: bool,
    pub perm: bool,
    pub unique: bool,
    pub unix_mode: bool,
    pub unix_owner: bool,
    pub unix_group: bool,
}

impl Default for FactSet {
    fn default() -> Self {
        FactSet {
            kind: true,
            size: true,
            modify: true,
            perm: true,
            unique: true,
            unix_mode: true,
            unix_owner: true,
            unix_group: true,
        }
    }
}

impl FactSet {
    /// No fact at all: lines hold nothing but the name.
    pub const NONE: FactSet = FactSet {
        kind: false,
        size: false,
        modify: false,
        perm: false,
        unique: false,
        unix_mode: false,
        unix_owner: false,
        unix_group: false,
    };

    /// Reads the argument of `OPTS MLST`: names with a semicolon after each. Unknown ones are left
    /// out, as RFC 3659 wants it.
    pub fn parse(names: &[u8]) -> Self {
        let mut set = FactSet::NONE;
        for name in names.split(|&byte| byte == b';') {
            if let Some(wanted) = set.fact(name.trim_ascii()) {
                *wanted = true;
            }
        }
        set
    }

    /// The facts that are wanted, each with a semicolon: the answer to `OPTS MLST`.
    pub fn names(self) -> String {
        self.facts().iter().filter(|fact| fact.1).map(|fact| format!("{};", fact.0)).collect()
    }

    /// The parameter of MLST in FEAT: all facts, those that are wanted with an asterisk.
    pub fn features(self) -> String {
        self.facts()
            .iter()
            .map(|(name, wanted)| format!("{name}{};", if *wanted { "*" } else { "" }))
            .collect()
    }

    fn facts(self) -> [(&'static str, bool); 8] {
        [
            ("type", self.kind),
            ("size", self.size),
            ("modify", self.modify),
            ("perm", self.perm),
            ("unique", self.unique),
            ("UNIX.mode", self.unix_mode),
            ("UNIX.owner", self.unix_owner),
            ("UNIX.group", self.unix_group),
        ]
    }

    fn fact(&mut self, name: &[u8]) -> Option<&mut bool> {
        match name.to_ascii_lowercase().as_slice() {
            b"type" => Some(&mut self.kind),
            b"size" => Some(&mut self.size),
            b"modify" => Some(&mut self.modify),
            b"perm" => Some(&mut self.perm),
            b"unique" => Some(&mut self.unique),
            b"unix.mode" => Some(&mut self.unix_mode),
            b"unix.owner" => Some(&mut self.unix_owner),
            b"unix.group" => Some(&mut self.unix_group),
            _ => None,
        }
    }
}

/// One line, and its place in the directory that was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Something in the directory.
    Child(Entry),
    /// `type=cdir`, or the name `.`: the directory itself.
    Current(Entry),
    /// `type=pdir`, or the name `..`: one of the directories above.
    Parent(Entry),
}

/// Why a line is no MLSx line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MlsxError {
    /// No space before the name, or no name.
    #[error("no facts and name in {0:?}")]
    Syntax(Text),
    /// The name is a path, or holds a byte that no name may hold.
    #[error("the name {0:?} is not one component")]
    BadName(Text),
}

/// Reads one line of MLSD, without its end. Facts that are unknown or make no sense are left out
/// quietly: a listing shall not fail because of one of them.
///
/// # Errors
///
/// See [`MlsxError`].
pub fn parse_line(line: &[u8]) -> Result<Listed, MlsxError> {
    let (facts, name) = split(line).ok_or_else(|| MlsxError::Syntax(Text::lossy(line)))?;
    if Text::new(name).is_err() {
        return Err(MlsxError::BadName(Text::lossy(name)));
    }
    let facts = Facts::parse(facts);
    // The name of the directory itself may be a whole path (RFC 3659, 7.5.1).
    let place = match (facts.place, name) {
        (Place::Child, b".") => Place::Current,
        (Place::Child, b"..") => Place::Parent,
        (place, _) => place,
    };
    match place {
        Place::Child if name.contains(&b'/') => Err(MlsxError::BadName(Text::lossy(name))),
        Place::Child => Ok(Listed::Child(facts.entry(name))),
        Place::Current => Ok(Listed::Current(facts.entry(last_component(name)))),
        Place::Parent => Ok(Listed::Parent(facts.entry(last_component(name)))),
    }
}

/// Reads the answer to MLST: the first inner line that has facts. The entry's name is the last
/// component of what the server wrote.
///
/// # Errors
///
/// [`MlsxError::Syntax`] with the reply's last line if there is no such line.
pub fn parse_mlst(reply: &Reply) -> Result<Entry, MlsxError> {
    // Some servers answer with a single line.
    let lines = if reply.lines.len() == 1 { reply.lines.as_slice() } else { reply.inner() };
    lines
        .iter()
        .map(|line| line.as_bytes().strip_prefix(b" ").unwrap_or(line.as_bytes()))
        .filter(|line| line.contains(&b'='))
        .find_map(|line| split(line).map(|(facts, name)| Facts::parse(facts).entry(last_component(name))))
        .ok_or_else(|| MlsxError::Syntax(reply.text().clone()))
}

/// Splits a line into facts and name, between which stands exactly one space.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut space = line.iter().position(|&byte| byte == b' ')?;
    // The target of a symbolic link may hold spaces, although it should not.
    if space > 0 && line[space - 1] != b';' && last_fact_is_link(&line[..space]) {
        space = space + 1 + line[space..].windows(2).position(|pair| pair == b"; ")?;
    }
    let name = &line[space + 1..];
    (!name.is_empty()).then_some((&line[..space], name))
}

fn last_fact_is_link(facts: &[u8]) -> bool {
    let fact = facts.rsplit(|&byte| byte == b';').next().unwrap_or_default();
    starts_with(fact, b"type=os.unix=")
}

fn last_component(name: &[u8]) -> &[u8] {
    match name.rsplit(|&byte| byte == b'/').find(|component| !component.is_empty()) {
        Some(component) => component,
        None => b"/",
    }
}

fn starts_with(text: &[u8], prefix: &[u8]) -> bool {
    text.len() >= prefix.len() && text[..prefix.len()].eq_ignore_ascii_case(prefix)
}

#[derive(Clone, Copy)]
enum Place {
    Child,
    Current,
    Parent,
}

/// The facts of one line.
struct Facts {
    place: Place,
    entry: Entry,
}

impl Facts {
    fn parse(facts: &[u8]) -> Self {
        let mut known = Facts { place: Place::Child, entry: Entry::new(Text::default(), Kind::File) };
        for fact in facts.split(|&byte| byte == b';') {
            if let Some(equals) = fact.iter().position(|&byte| byte == b'=') {
                known.take(&fact[..equals].to_ascii_lowercase(), &fact[equals + 1..]);
            }
        }
        known
    }

    fn entry(mut self, name: &[u8]) -> Entry {
        self.entry.name = Text::lossy(name);
        self.entry
    }

    fn take(&mut self, name: &[u8], value: &[u8]) {
        let entry = &mut self.entry;
        match name {
            b"type" => self.take_kind(value),
            b"size" => entry.size = number(value),
            b"sizd" => entry.size = entry.size.or(number(value)),
            b"modify" => {
                entry.modified = FtpTime::parse(value).ok().map(|time| (time, Precision::Second));
            }
            b"perm" => entry.perm = Some(Text::lossy(value)),
            b"unique" => entry.unique = Some(Text::lossy(value)),
            b"unix.mode" => entry.mode = mode(value),
            b"unix.ownername" => entry.owner = Some(Text::lossy(value)),
            b"unix.groupname" => entry.group = Some(Text::lossy(value)),
            b"unix.owner" | b"unix.uid" => {
                entry.owner.get_or_insert_with(|| Text::lossy(value));
            }
            b"unix.group" | b"unix.gid" => {
                entry.group.get_or_insert_with(|| Text::lossy(value));
            }
            _ => {}
        }
    }

    fn take_kind(&mut self, value: &[u8]) {
        let lower = value.to_ascii_lowercase();
        self.entry.kind = match lower.as_slice() {
            b"file" => Kind::File,
            b"dir" => Kind::Directory,
            b"cdir" => {
                self.place = Place::Current;
                Kind::Directory
            }
            b"pdir" => {
                self.place = Place::Parent;
                Kind::Directory
            }
            lower if lower.starts_with(b"os.unix=symlink") || lower.starts_with(b"os.unix=slink") => {
                Kind::Symlink(link_target(value))
            }
            _ => Kind::Other,
        };
    }
}

/// The part after the last colon that belongs to the type: `OS.unix=symlink:target`.
fn link_target(value: &[u8]) -> Option<Text> {
    let colon = value.iter().position(|&byte| byte == b':')?;
    let target = &value[colon + 1..];
    (!target.is_empty()).then(|| Text::lossy(target))
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?.parse().ok()
}

fn mode(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u32::from_str_radix(digits, 8).ok().map(|mode| mode & 0o7777)
}

/// Writes one line: the facts that `set` names and `entry` knows, a space, `name`. No line end.
///
/// `name` is the entry's own name in MLSD, the path that was asked for in MLST.
pub fn write_line(entry: &Entry, set: FactSet, name: &[u8], line: &mut Vec<u8>) {
    line.extend_from_slice(facts(entry, set).as_bytes());
    line.push(b' ');
    line.extend_from_slice(name);
}

fn facts(entry: &Entry, set: FactSet) -> String {
    let mut facts = String::with_capacity(120);
    if set.kind {
        facts.push_str("type=");
        facts.push_str(&kind_value(&entry.kind));
        facts.push(';');
    }
    // RFC 3659, 7.5.7: size is the file's; for a directory it means nothing.
    if let (true, Some(size), Kind::File) = (set.size, entry.size, &entry.kind) {
        let _ = write!(facts, "size={size};");
    }
    if let (true, Some((time, _))) = (set.modify, entry.modified) {
        let _ = write!(facts, "modify={};", time.to_seconds());
    }
    if let (true, Some(mode)) = (set.unix_mode, entry.mode) {
        let _ = write!(facts, "UNIX.mode={:04o};", mode & 0o7777);
    }
    for (wanted, name, value) in [
        (set.perm, "perm", &entry.perm),
        (set.unique, "unique", &entry.unique),
        (set.unix_owner, "UNIX.owner", &entry.owner),
        (set.unix_group, "UNIX.group", &entry.group),
    ] {
        if let (true, Some(value)) = (wanted, value.as_ref().and_then(fact_value)) {
            let _ = write!(facts, "{name}={value};");
        }
    }
    facts
}

fn kind_value(kind: &Kind) -> String {
    match kind {
        Kind::File => "file".to_owned(),
        Kind::Directory => "dir".to_owned(),
        Kind::Symlink(target) => match target.as_ref().and_then(fact_value) {
            Some(target) => format!("OS.unix=symlink:{target}"),
            None => "OS.unix=symlink".to_owned(),
        },
        Kind::Other => "OS.unix=other".to_owned(),
    }
}

/// A value that may stand in a fact: without the bytes that would end it.
fn fact_value(value: &Text) -> Option<&str> {
    value.to_str().filter(|value| !value.is_empty() && !value.contains([' ', ';']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let entry = Entry {
            size: Some(7),
            modified: Some((FtpTime::parse(b"20240102030405").expect("a time"), Precision::Second)),
            mode: Some(0o644),
            owner: Some("1000".into()),
            group: Some("1000".into()),
            perm: Some("adfr".into()),
            unique: Some("801gc0ffee".into()),
            ..Entry::new(" a; b".into(), Kind::File)
        };
        let mut line = Vec::new();
        write_line(&entry, FactSet::default(), entry.name.as_bytes(), &mut line);
        let expected = "type=file;size=7;modify=20240102030405;UNIX.mode=0644;perm=adfr;unique=801gc0ffee;\
                        UNIX.owner=1000;UNIX.group=1000;  a; b";
        assert_eq!(Text::lossy(line.clone()), expected.into());
        assert_eq!(parse_line(&line), Ok(Listed::Child(entry.clone())));

        line.clear();
        write_line(&entry, FactSet::NONE, b"x", &mut line);
        assert_eq!(line, b" x");
    }

    #[test]
    fn facts_cannot_be_forged_by_values() {
        let mut entry = Entry::new("x".into(), Kind::Symlink(Some("a; b".into())));
        entry.owner = Some("root;type=dir".into());
        let mut line = Vec::new();
        write_line(&entry, FactSet::default(), b"x", &mut line);
        assert_eq!(line, b"type=OS.unix=symlink; x");
        entry.kind = Kind::Symlink(Some("a".into()));
        line.clear();
        write_line(&entry, FactSet::default(), b"x", &mut line);
        assert_eq!(line, b"type=OS.unix=symlink:a; x");
    }

    #[test]
    fn mlst_in_its_forms() {
        let name = |lines: &[&'static str]| {
            let lines = lines.iter().copied().map(Text::from).collect();
            parse_mlst(&Reply { lines, ..Reply::new(250, "") }).map(|entry| entry.name.to_string()).ok()
        };
        let found = |name: &str| Some(name.to_owned());
        assert_eq!(name(&["Listing", " type=file;size=1; /a/b c", "End"]), found("b c"));
        assert_eq!(name(&["Listing", "type=file;size=1; b", "End"]), found("b"));
        assert_eq!(name(&["Listing", " type=dir; /", "End"]), found("/"));
        assert_eq!(name(&["type=file; x"]), found("x"));
        assert_eq!(name(&["Listing", "End"]), None);
        assert_eq!(name(&["Listing", " nothing here", "End"]), None);
    }
}
