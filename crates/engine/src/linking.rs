//! Makes links like those of a source (`--links copy`).

use fxp_proto::listing::entry::Kind;
use fxp_proto::pair::exchange::Refusal;
use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;

use crate::plan::LinkStep;
use crate::plan::survey::Twin;
use crate::replace;
use crate::report::{Trouble, TroubleKind};
use crate::side::Side;
use crate::surplus::{self, Gone};

impl Twin {
    /// True if there is a link at the destination that leads to the same place.
    pub(crate) fn is_made(&self) -> bool {
        match (&self.leads_to, self.there.as_ref().map(|there| &there.kind)) {
            (Some(ours), Some(Kind::Symlink(Some(theirs)))) => same_target(ours, theirs, &self.target),
            _ => false,
        }
    }

    /// True if something that is no link would make way for a link to itself, and be lost.
    pub(crate) fn would_lead_to_itself(&self) -> bool {
        let stands = self.there.as_ref().is_some_and(|there| !matches!(there.kind, Kind::Symlink(_)));
        let leads_to = self.leads_to.as_ref();
        let end = leads_to.and_then(|leads_to| self.target.parent().join(leads_to.as_bytes()).ok());
        stands && end.as_ref() == Some(&self.target)
    }

    /// In what the two differ.
    pub(crate) fn difference(&self) -> String {
        let ours = self.leads_to.as_ref().map_or("somewhere".to_owned(), ToString::to_string);
        match self.there.as_ref().map(|there| &there.kind) {
            Some(Kind::Symlink(Some(theirs))) => {
                format!("a link to {ours} at the source, to {theirs} at the destination")
            }
            Some(Kind::Symlink(None)) => {
                format!(
                    "a link to {ours} at the source, and the destination does not tell where its link leads"
                )
            }
            Some(Kind::Directory) => {
                format!("a link to {ours} at the source, a directory at the destination")
            }
            _ => format!("a link to {ours} at the source, a file at the destination"),
        }
    }
}

/// True if links that are called `link` lead to the same place: ProFTPD 1.3.8 makes targets absolute.
fn same_target(ours: &Text, theirs: &Text, link: &VPath) -> bool {
    let place = |target: &Text| link.parent().join(target.as_bytes()).ok();
    ours == theirs
        || (theirs.as_bytes().starts_with(b"/") && place(ours).is_some() && place(ours) == place(theirs))
}

/// Makes the link at `side`. One that replaces something gets its name when it is made; what makes way for it goes just
/// before that, and is told.
pub(crate) async fn make(side: &mut Side, link: &LinkStep, tell: impl FnMut(Gone)) -> Result<(), Trouble> {
    let made = match link.replaces {
        false => make_at(side, link, &link.destination).await,
        true => replace(side, link, tell).await,
    };
    made.map_err(|trouble| trouble.on(Some(Leg::Destination)))
}

async fn replace(side: &mut Side, link: &LinkStep, tell: impl FnMut(Gone)) -> Result<(), Trouble> {
    // Never under the name of a file's part: were it left behind, a file would be stored through it.
    let part = replace::temporary(&link.destination.parent(), "link").ok_or_else(|| {
        Trouble::new(TroubleKind::DestinationDenied, format!("{} has no name", side.name(&link.destination)))
    })?;
    make_at(side, link, &part).await?;
    let named = match &link.in_the_way {
        Some(obstacle) => Box::pin(surplus::clear(side, obstacle, tell)).await,
        None => Ok(()),
    };
    let named = match named {
        Ok(()) => {
            replace::rename_over(side, &part, &link.destination).await.map_err(|refused| refused.trouble)
        }
        Err(trouble) => Err(trouble),
    };
    match named {
        Ok(_) => Ok(()),
        Err(trouble) => {
            // It is ours, and nothing but a name.
            let _ = side.delete(&part).await;
            Err(trouble)
        }
    }
}

async fn make_at(side: &mut Side, link: &LinkStep, path: &VPath) -> Result<(), Trouble> {
    match side.make_link(&link.leads_to, path).await? {
        true => Ok(()),
        false => {
            let what = format!("{} is a link, and this server makes none", side.name(&link.destination));
            Err(Trouble::new(TroubleKind::DestinationDenied, what).class(Refusal::Unsupported).remedy(
                "--links follow copies what links lead to; ProFTPD makes links if it has loaded mod_site_misc",
            ))
        }
    }
}

/// True if the link may be made once the files are there: ProFTPD 1.3.8 makes none that leads nowhere.
pub(crate) fn may_come_later(trouble: &Trouble) -> bool {
    trouble.kind == TroubleKind::DestinationDenied && trouble.class != Some(Refusal::Unsupported)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_links_are_the_same_if_they_lead_to_one_place() {
        let rows = [
            ("f", "f", true),
            ("f", "/d/f", true),
            ("../x/f", "/x/f", true),
            ("f", "g", false),
            ("f", "/d/g", false),
            // What the source calls absolute is no reason to take a relative one for it.
            ("/d/f", "f", false),
        ];
        let link = VPath::parse(b"/d/link").expect("a path");
        for (ours, theirs, expected) in rows {
            assert_eq!(same_target(&ours.into(), &theirs.into(), &link), expected, "{ours} {theirs}");
        }
    }
}
