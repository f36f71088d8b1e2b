//! Decides which files are equal already: by size and time, by size alone, or by digests that both servers compute.
//!
//! Most files are judged from the listings. Where that needs a question (a time that is only known to the minute, a
//! digest), several files are asked about at once, and what is known meanwhile is not held up.

use std::sync::Arc;

use fxp_proto::grammar::params::DigestKind;
use fxp_proto::listing::entry::Entry;
use fxp_proto::pair::leg::Leg;
use tokio::sync::OnceCell;

use super::Reached;
use super::diff;
use super::explore::Explorer;
use super::minute::Minutes;
use super::survey::{Found, is_about_this};
use crate::digest;
use crate::report::{Equality, Trouble};
use crate::retry;
use crate::times::{Age, Times};
use crate::verify::{common, same};

/// What makes two files equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compare {
    /// The same size and time.
    #[default]
    SizeAndTime,
    /// The same size.
    Size,
    /// The same size and digest.
    Digest,
    /// The same size, and the same digest where both servers compute one.
    DigestIfAny,
    /// Nothing: what is there is taken for different.
    Nothing,
}

/// What came of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// There is nothing to compare with.
    Alone,
    /// Both servers computed this digest, and it is the same.
    SameDigest {
        /// Such as `SHA-256`.
        algorithm: &'static str,
        /// Lower-case hex.
        hex: String,
    },
    /// Size and time are the same; nobody has looked into the files.
    SameTime,
    /// The size is the same, and the source was not changed since the copy came, whose time the destination does not
    /// let anybody set; nobody has looked into the files.
    NotNewer,
    /// The size is the same; nobody has looked into the files.
    SameSize {
        /// Why nobody has, where somebody should.
        why: Option<String>,
    },
    /// The size is the same; digests were to be had, and could not be, however often they were asked for.
    Unproven(String),
    /// They are links, and lead to the same place.
    SameTarget,
    /// They differ, and in what.
    Different(String),
    /// Both servers computed a digest, and the two differ: so do the bytes, whatever anybody noted of them.
    OtherDigest(String),
}

impl Likeness {
    /// True if they are equal as far as was asked.
    pub fn is_equal(&self) -> bool {
        matches!(
            self,
            Likeness::SameDigest { .. }
                | Likeness::SameTime
                | Likeness::NotNewer
                | Likeness::SameSize { .. }
                | Likeness::SameTarget
        )
    }

    /// What makes them equal, if they are.
    pub(crate) fn equality(&self) -> Option<Equality> {
        Some(match self {
            Likeness::SameDigest { algorithm, hex } => Equality::Digest { algorithm, hex: hex.clone() },
            Likeness::SameTime => Equality::Time,
            Likeness::NotNewer => Equality::NotNewer,
            Likeness::SameSize { .. } => Equality::Size,
            // Of a link nobody asks how its bytes were compared.
            Likeness::SameTarget
            | Likeness::Alone
            | Likeness::Unproven(_)
            | Likeness::Different(_)
            | Likeness::OtherDigest(_) => return None,
        })
    }

    /// True if they are equal in size, and a digest was wanted and could not be had.
    pub fn is_doubtful(&self) -> bool {
        matches!(self, Likeness::SameSize { why: Some(_) } | Likeness::Unproven(_))
    }
}

/// Compares files of several sources with those of one destination.
pub(crate) struct Judge {
    sources: Vec<Arc<Explorer>>,
    destination: Arc<Explorer>,
    compare: Compare,
    /// What earlier copies from each source have shown of their times.
    times: Vec<Option<Times>>,
    /// What was noted of copies at the destination.
    minutes: Option<Arc<Minutes>>,
    /// The digests that each source has in common with the destination, best first.
    kinds: Vec<OnceCell<Vec<DigestKind>>>,
}

impl Judge {
    pub(crate) fn new(sources: Vec<Arc<Explorer>>, destination: Arc<Explorer>, compare: Compare) -> Self {
        let kinds = sources.iter().map(|_| OnceCell::new()).collect();
        let times = sources.iter().map(|source| source.times_to(&destination)).collect();
        Judge { sources, destination, compare, times, minutes: None, kinds }
    }

    /// The same, with what was noted of copies at the destination.
    pub(crate) fn remembering(self, minutes: Option<Arc<Minutes>>) -> Self {
        Judge { minutes, ..self }
    }

    /// The verdict, if the listings tell enough.
    pub(crate) fn at_once(&self, found: &Found) -> Option<Likeness> {
        let Some(there) = &found.there else { return Some(Likeness::Alone) };
        if self.compare == Compare::Nothing {
            return Some(Likeness::Different("it is copied in any case".into()));
        }
        if let (Some(ours), Some(theirs)) = (found.entry.size, there.size)
            && ours != theirs
        {
            return Some(Likeness::Different(format!(
                "{ours} bytes at the source, {theirs} at the destination"
            )));
        }
        let sizes_known = found.entry.size.is_some() && there.size.is_some();
        match self.compare {
            Compare::SizeAndTime => {
                let doubt = diff::is_in_doubt(&found.entry, there);
                let hopeless = doubt && self.knows_nothing_better(found, there);
                match self.by_times(found, there, hopeless) {
                    Some(Likeness::SameTime) if doubt && !hopeless && self.may_be_young(found) => None,
                    Some(likeness) => Some(likeness),
                    None => (hopeless || !doubt).then(|| Likeness::Different(times_differ(found))),
                }
            }
            Compare::Size if sizes_known => Some(Likeness::SameSize { why: None }),
            Compare::Size => Some(Likeness::Different("a server does not tell the size".into())),
            Compare::Digest | Compare::DigestIfAny | Compare::Nothing => None,
        }
    }

    /// False if the copy was not made in the minute of its source's time, which then proves it equal.
    fn may_be_young(&self, found: &Found) -> bool {
        let minutes = self.minutes.as_ref();
        minutes.is_some_and(|minutes| minutes.is_young_at_once(&found.target) != Some(false))
    }

    /// True if no question would tell more of these times: each end that tells one roughly has nothing but listings.
    fn knows_nothing_better(&self, found: &Found, there: &Entry) -> bool {
        let is_final = |entry: &Entry, place: &Explorer| diff::is_exact(entry) || place.lists_times_only();
        is_final(&found.entry, &self.sources[found.side]) && is_final(there, &self.destination)
    }

    /// What size and time say, if they leave no doubt. `asked`: both ends were asked about the file, or would not say
    /// more if they were.
    fn by_times(&self, found: &Found, there: &Entry, asked: bool) -> Option<Likeness> {
        let Some(learned) = &self.times[found.side] else {
            return diff::is_unchanged(&found.entry, there).then_some(Likeness::SameTime);
        };
        found.entry.size.filter(|_| found.entry.size == there.size)?;
        let (ours, theirs) = (found.entry.modified?, there.modified?);
        match learned.age(ours, theirs) {
            Some(Age::NotNewer) => return Some(Likeness::NotNewer),
            Some(Age::Newer) => return Some(Likeness::Different(times_differ(found))),
            Some(Age::Unclear) => return None,
            None => {}
        }
        let agree = match asked {
            true => learned.agree_when_asked(ours, theirs, self.knows_nothing_better(found, there)),
            false => learned.agree(ours, theirs),
        };
        agree.then_some(Likeness::SameTime)
    }

    /// The verdict, after questions to both servers.
    pub(crate) async fn ask(&self, found: &Found) -> Result<Likeness, Trouble> {
        match self.compare {
            Compare::SizeAndTime | Compare::Size => self.ask_for_times(found).await,
            Compare::Digest | Compare::DigestIfAny | Compare::Nothing => self.ask_for_digests(found).await,
        }
    }

    async fn ask_for_times(&self, found: &Found) -> Result<Likeness, Trouble> {
        if let (Some(minutes), Some(there)) = (&self.minutes, &found.there)
            && self.by_times(found, there, false) == Some(Likeness::SameTime)
            && !minutes.is_young(&found.target).await
        {
            return Ok(Likeness::SameTime);
        }
        let ours = async {
            match found.reached {
                // It was asked about when it was followed; what a server says of its name may be about the link.
                Reached::ByLink => Ok(None),
                Reached::Plainly | Reached::BehindLink => self.sources[found.side].stat(&found.source).await,
            }
        };
        let (ours, theirs) = tokio::join!(ours, self.destination.stat(&found.target));
        let ours = ours.map_err(|error| error.on(Some(Leg::Source)))?;
        let theirs = theirs.map_err(|error| error.on(Some(Leg::Destination)))?;
        let mut again = found.clone();
        // Whoever answers without a time has listed one all the same.
        let better =
            |answer: Entry, listed: &Entry| Entry { modified: answer.modified.or(listed.modified), ..answer };
        again.entry = ours.map_or(again.entry, |ours| better(ours, &found.entry));
        again.there = match (theirs, &found.there) {
            (Some(theirs), Some(listed)) => Some(better(theirs, listed)),
            (theirs, listed) => theirs.or_else(|| listed.clone()),
        };
        let Some(there) = &again.there else { return Ok(Likeness::Alone) };
        let likeness = self.by_times(&again, there, true);
        Ok(likeness.unwrap_or_else(|| Likeness::Different(times_differ(&again))))
    }

    async fn ask_for_digests(&self, found: &Found) -> Result<Likeness, Trouble> {
        let source = &self.sources[found.side];
        let kinds = self.kinds[found.side].get_or_try_init(|| async {
            let (ours, theirs) = tokio::join!(source.digests(), self.destination.digests());
            let ours = ours.map_err(|error| error.on(Some(Leg::Source)))?;
            Ok(common(&ours, &theirs.map_err(|error| error.on(Some(Leg::Destination)))?))
        });
        let (mut why, mut in_vain) = (None, false);
        for &kind in kinds.await? {
            let (ours, theirs) = tokio::join!(
                source.digest(kind, &found.source),
                self.destination.digest(kind, &found.target)
            );
            let ours = ours.map_err(|error| error.on(Some(Leg::Source)));
            let theirs = theirs.map_err(|error| error.on(Some(Leg::Destination)));
            let name = digest::name(kind);
            match (ours, theirs) {
                (Ok(ours), Ok(theirs)) if same(&ours, &theirs) => {
                    return Ok(Likeness::SameDigest { algorithm: name, hex: ours });
                }
                (Ok(ours), Ok(theirs)) => {
                    let what = format!("{name} differs: {ours} at the source, {theirs} at the destination");
                    return Ok(Likeness::OtherDigest(what));
                }
                (Err(trouble), _) | (_, Err(trouble)) if is_about_this(&trouble) => {
                    in_vain = retry::judge(&trouble).may_help();
                    why = Some(format!("{name} could not be compared: {trouble}"));
                }
                (Err(trouble), _) | (_, Err(trouble)) => return Err(trouble),
            }
        }
        let why = why.unwrap_or_else(|| "the two servers compute no digest in common".to_owned());
        let sizes_known =
            found.entry.size.is_some() && found.there.as_ref().is_some_and(|there| there.size.is_some());
        match self.compare {
            Compare::Digest => Ok(Likeness::Different(why)),
            _ if !sizes_known => {
                Ok(Likeness::Different(format!("{why}, and a server does not tell the size")))
            }
            _ if in_vain => Ok(Likeness::Unproven(why)),
            _ => Ok(Likeness::SameSize { why: Some(why) }),
        }
    }
}

fn times_differ(found: &Found) -> String {
    let time = |entry: &Entry| match &entry.modified {
        Some((time, _)) => time.to_seconds(),
        None => "unknown".to_owned(),
    };
    let theirs = found.there.as_ref().map_or_else(|| "unknown".to_owned(), time);
    format!("time {} at the source, {theirs} at the destination", time(&found.entry))
}
