//! What becomes of the entries of a list when it is taken over.

use fxp_engine::site::Site;

/// What became of one entry of the list.
#[derive(Debug)]
pub(crate) struct Imported {
    /// Its name there, with its folders.
    pub(crate) title: String,
    pub(crate) fate: Fate,
    /// What could not be taken over, a sentence each.
    pub(crate) notes: Vec<String>,
    /// Its password goes to netrc.
    pub(crate) netrc: bool,
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum Fate {
    /// A new site.
    Added { name: String, site: Site },
    /// In place of the one that was called so.
    Replaced { name: String, site: Site },
    /// It was there already.
    Equal { name: String },
    /// Another site is called so, and stays.
    Taken { name: String },
    /// It is no FTP server, or makes no sense.
    LeftOut { why: String },
}

impl Imported {
    /// True if it stands in the book as it stands in the list.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.fate, Fate::Added { .. } | Fate::Replaced { .. } | Fate::Equal { .. })
    }
}
