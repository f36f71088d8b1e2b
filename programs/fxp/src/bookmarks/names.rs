//! Names that other programs allow, made into names that can stand in front of the colon of `site:path`.

use std::collections::BTreeSet;

use super::Bookmark;

/// The names that one import has given so far.
#[derive(Debug, Default)]
pub(crate) struct Names {
    given: BTreeSet<String>,
}

impl Names {
    /// A name for `bookmark`: its own as far as that can be typed, with its folder in front where another
    /// one of the list is called so, and a number where that does not help either.
    ///
    /// The same list always leads to the same names, so that it can be imported again.
    pub(crate) fn give(&mut self, bookmark: &Bookmark, host: &str) -> String {
        let own = [valid(&bookmark.name), valid(host)].into_iter().flatten().next();
        let own = own.unwrap_or_else(|| "site".into());
        let in_folder =
            bookmark.folders.last().and_then(|folder| valid(folder)).map(|folder| format!("{folder}-{own}"));
        let numbered = (2..).map(|number: u64| format!("{own}-{number}"));
        let name = [own.clone()]
            .into_iter()
            .chain(in_folder)
            .chain(numbered)
            .find(|name| !self.given.contains(name))
            .expect("there are more numbers than bookmarks");
        self.given.insert(name.clone());
        name
    }
}

/// The letters, digits and marks of `text`; whatever is between them becomes one `-`.
fn valid(text: &str) -> Option<String> {
    let good = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    let words: Vec<&str> = text.split(|character| !good(character)).filter(|word| !word.is_empty()).collect();
    let name = words.join("-");
    let name = name.trim_start_matches(['-', '.']);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_be_typed_and_differ() {
        let rows: [(&[&str], &str, &str); 8] = [
            (&[], "work", "work"),
            (&[], "My  web: site (old)", "My-web-site-old"),
            (&[], "..hidden", "hidden"),
            (&[], "Ünï", "n"),
            (&[], "日本", "ftp.example.org"),
            (&["Customers", "A & B"], "work", "A-B-work"),
            (&["A & B"], "work", "work-2"),
            (&[], "work", "work-3"),
        ];
        let mut names = Names::default();
        for (folders, name, expected) in rows {
            let bookmark = Bookmark {
                folders: folders.iter().map(|&folder| folder.to_owned()).collect(),
                name: name.to_owned(),
                content: Err(String::new()),
            };
            assert_eq!(names.give(&bookmark, "ftp.example.org"), expected, "{name}");
        }
    }
}
