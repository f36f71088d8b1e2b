//! One file in a listing.

use super::left_out::LeftOut;
use super::time::FtpTime;
use crate::wire::text::Text;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, with its target where the server tells it.
    Symlink(Option<Text>),
    /// A device, a socket, a fifo.
    Other,
}

/// How exact a time is: `ls -l` gives minutes for young files and days for old ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// To the day; the true time lies within the 24 hours that follow (or one zone away).
    Day,
    /// To the minute, in a zone that is not known.
    Minute,
    /// To the second or finer, UTC.
    Second,
}

/// A file, as far as the server told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, one component.
    pub name: Text,
    /// What it is.
    pub kind: Kind,
    /// Bytes.
    pub size: Option<u64>,
    /// When it was last modified, and how exact that is.
    pub modified: Option<(FtpTime, Precision)>,
    /// Permission bits, 0 to 0o7777.
    pub mode: Option<u32>,
    /// Owner.
    pub owner: Option<Text>,
    /// Group.
    pub group: Option<Text>,
    /// MLSx `perm`.
    pub perm: Option<Text>,
    /// MLSx `unique`.
    pub unique: Option<Text>,
    /// Number of links, where told.
    pub links: Option<u64>,
    /// Something is there of which nothing can be done by its name, since `name` is empty: what is known of it.
    pub left_out: Option<Box<LeftOut>>,
}

impl Entry {
    /// An entry of which only name and kind are known.
    pub fn new(name: Text, kind: Kind) -> Self {
        Entry {
            name,
            kind,
            size: None,
            modified: None,
            mode: None,
            owner: None,
            group: None,
            perm: None,
            unique: None,
            links: None,
            left_out: None,
        }
    }

    /// Something that a listing cannot name. Its name is empty, so that it can never be part of a path.
    pub fn left_out(left_out: LeftOut) -> Self {
        Entry { left_out: Some(Box::new(left_out)), ..Entry::new(Text::default(), Kind::Other) }
    }
}
