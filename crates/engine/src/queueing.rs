//! How many commands each server bears at once: measured for the products that we know, probed before it is made
//! use of, and remembered with the other facts about a server.

use fxp_proto::client::manners::Queueing;

use crate::book::Known;
use crate::pool::{Link, product};
use crate::report::Trouble;

/// What the server of `link` bears. Asks it, if nobody knows yet.
pub(crate) async fn of(link: &mut Link) -> Result<Queueing, Trouble> {
    // Only now, since a new greeting makes forgotten what was learned under the old one.
    link.session().await?;
    if let Some(known) = remembered(&link.known()) {
        return Ok(known);
    }
    let session = link.session().await?;
    let expected = product(session).map_or(Queueing::Small, |product| product.queueing);
    let queueing = match expected > Queueing::None && session.answers_two_at_once().await {
        true => expected,
        false => Queueing::None,
    };
    learn(link, queueing);
    if link.open_session().is_none() {
        link.retire();
    }
    Ok(queueing)
}

/// What is remembered of a server.
pub(crate) fn remembered(known: &Known) -> Option<Queueing> {
    parse(known.queueing.as_deref()?)
}

/// It got out of step when so much was sent at once: from now on it gets less.
pub(crate) fn lower(link: &Link, sent: Queueing) {
    let less = LEVELS.iter().rev().map(|(level, _)| *level).find(|level| *level < sent);
    learn(link, less.unwrap_or_default());
}

fn learn(link: &Link, queueing: Queueing) {
    tracing::debug!(server = link.server.key(), ?queueing, "commands at once");
    link.learn(|known| known.queueing = Some(word(queueing).to_owned()));
}

/// As it stands in the book.
pub(crate) fn word(queueing: Queueing) -> &'static str {
    LEVELS.iter().find(|(level, _)| *level == queueing).map_or("none", |(_, word)| word)
}

/// What does not parse was edited by hand, or comes from another version: it is found out anew.
pub(crate) fn parse(word: &str) -> Option<Queueing> {
    LEVELS.iter().find(|(_, name)| *name == word).map(|(level, _)| *level)
}

/// All levels, the least first, and their words.
const LEVELS: &[(Queueing, &str)] = &[
    (Queueing::None, "none"),
    (Queueing::Small, "small"),
    (Queueing::UpToTransfer, "up-to-transfer"),
    (Queueing::WithTransfer, "with-transfer"),
    (Queueing::Always, "always"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for (level, name) in LEVELS {
            assert_eq!((word(*level), parse(name)), (*name, Some(*level)));
        }
        assert!(LEVELS.is_sorted() && parse("sometimes").is_none());
    }
}
