//! "Done" means: the sizes are the same, and the digests where both ends can compute one.

use fxp_proto::grammar::params::DigestKind;
use fxp_proto::pair::exchange::Refusal;
use fxp_proto::path::VPath;

use crate::digest;
use crate::policy::VerifyChoice;
use crate::report::{Trouble, TroubleKind, Verification};
use crate::side::Side;

/// A file on one side.
pub(crate) struct At<'a> {
    pub(crate) side: &'a mut Side,
    pub(crate) path: &'a VPath,
}

/// What is the same on both sides.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) size: u64,
    pub(crate) how: Verification,
    /// Why it is less than was hoped for.
    pub(crate) note: Option<String>,
}

/// Compares two files. A difference is a [`TroubleKind::Verification`].
pub(crate) async fn compare(
    mut source: At<'_>,
    mut destination: At<'_>,
    choice: VerifyChoice,
) -> Result<Verified, Trouble> {
    let size = compare_sizes(&mut source, &mut destination).await?;
    let (how, note) = match choice {
        VerifyChoice::Size => (Verification::Size, None),
        VerifyChoice::Auto | VerifyChoice::Hash => compare_digests(source, destination, None).await?,
    };
    match (choice, &how) {
        (VerifyChoice::Hash, Verification::Size) => Err(different(format!(
            "the sizes agree, but no digest could be compared ({})",
            note.as_deref().unwrap_or("none is offered by both ends")
        ))
        .class(Refusal::Unsupported)
        .remedy("--verify auto is content with the size where nothing better is offered")),
        _ => Ok(Verified { size, how, note }),
    }
}

/// The size of both, which is never skipped.
async fn compare_sizes(source: &mut At<'_>, destination: &mut At<'_>) -> Result<u64, Trouble> {
    let (ours, theirs) = tokio::join!(source.side.size(source.path), destination.side.size(destination.path));
    match (ours?, theirs?) {
        (Some(ours), Some(theirs)) if ours == theirs => Ok(ours),
        (Some(ours), Some(theirs)) => Err(different(format!(
            "the source has {ours} bytes and the destination {theirs}, although both servers called the copy good"
        ))),
        (None, _) => {
            Err(different("the source does not tell the file's size".into()).class(Refusal::Unsupported))
        }
        (_, None) => Err(different("the file is not found at the destination after the copy".into())),
    }
}

/// Digests of both files, or of their first `length` bytes, by the best kind that both ends compute.
/// `Size`, with a note, where there is none or a server does not compute it after all.
pub(crate) async fn compare_digests(
    source: At<'_>,
    destination: At<'_>,
    length: Option<u64>,
) -> Result<(Verification, Option<String>), Trouble> {
    let mut note = None;
    for kind in common(&source.side.digests(), &destination.side.digests()) {
        let (ours, theirs) = tokio::join!(
            source.side.digest(kind, source.path, length),
            destination.side.digest(kind, destination.path, length)
        );
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) if same(&ours, &theirs) => {
                return Ok((Verification::Digest { algorithm: digest::name(kind), hex: theirs }, None));
            }
            (Ok(ours), Ok(theirs)) => {
                return Err(different(format!(
                    "{} differs: {ours} at the source, {theirs} at the destination",
                    digest::name(kind)
                )));
            }
            (Err(trouble), _) | (_, Err(trouble)) => match trouble.class {
                Some(Refusal::Lost | Refusal::TimedOut) => return Err(trouble),
                _ => note = Some(format!("{} could not be compared: {trouble}", digest::name(kind))),
            },
        }
    }
    Ok((Verification::Size, note))
}

/// What both compute, in the order of our preference.
pub(crate) fn common(ours: &[DigestKind], theirs: &[DigestKind]) -> Vec<DigestKind> {
    digest::KINDS.iter().copied().filter(|kind| ours.contains(kind) && theirs.contains(kind)).collect()
}

/// Digests are the same whatever the case, and some servers leave out a CRC's leading zeros.
pub(crate) fn same(one: &str, two: &str) -> bool {
    one.trim_start_matches('0').eq_ignore_ascii_case(two.trim_start_matches('0'))
}

fn different(what: String) -> Trouble {
    Trouble::new(TroubleKind::Verification, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn equal_files_are_told_from_different_ones() {
        let rows = [
            ("12345", "12345", VerifyChoice::Auto, Ok("SHA-256")),
            ("12345", "12345", VerifyChoice::Hash, Ok("SHA-256")),
            ("12345", "12345", VerifyChoice::Size, Ok("size")),
            ("12345", "1234", VerifyChoice::Size, Err("5 bytes and the destination 4")),
            ("12345", "12346", VerifyChoice::Auto, Err("SHA-256 differs")),
            ("12345", "12346", VerifyChoice::Size, Ok("size")),
            ("", "", VerifyChoice::Auto, Ok("SHA-256")),
        ];
        for (ours, theirs, choice, expected) in rows {
            let (mut source, mut destination) = testing::one_machine(&[("/s/f", ours), ("/d/f", theirs)]);
            let (from, to) = (VPath::parse(b"/s/f").expect("a path"), VPath::parse(b"/d/f").expect("a path"));
            let compared = compare(
                At { side: &mut source, path: &from },
                At { side: &mut destination, path: &to },
                choice,
            )
            .await;
            match (compared, expected) {
                (Ok(verified), Ok(how)) => {
                    let word = match verified.how {
                        Verification::Digest { algorithm, .. } => algorithm,
                        Verification::Size => "size",
                    };
                    assert_eq!(word, how, "{ours} {theirs}");
                }
                (Err(trouble), Err(words)) => {
                    assert_eq!(trouble.kind, TroubleKind::Verification);
                    assert!(trouble.what.contains(words), "{trouble}");
                }
                (got, _) => panic!("{ours} {theirs} {choice:?}: {got:?}"),
            }
        }
    }

    #[test]
    fn leading_zeros_and_case_do_not_matter() {
        assert!(same("0012ab", "12AB") && same("0000", "") && !same("12ab", "12ac"));
    }
}
