//! The answer to FEAT (RFC 2389).

use super::params::DigestKind;
use super::reply::Reply;
use crate::wire::text::Text;

/// The most feature lines that are kept; the longest known list has some sixty.
pub const MAX_FEATURES: usize = 500;

/// The longest feature line that is kept, in bytes.
pub const MAX_FEATURE: usize = 1024;

/// What a server says it can do, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    lines: Vec<Text>,
}

impl Features {
    /// Reads the answer to FEAT. A missing space before a feature and a `211-` in front of each are
    /// forgiven; what is beyond [`MAX_FEATURES`] or [`MAX_FEATURE`] is left out. An answer other than
    /// 2yz means that the server has no features to tell.
    pub fn parse(reply: &Reply) -> Self {
        if !reply.code.is_completion() {
            return Features::default();
        }
        let feature = |line: &Text| {
            let line = line.as_bytes().trim_ascii();
            (!line.is_empty() && line.len() <= MAX_FEATURE).then(|| Text::lossy(line))
        };
        Features { lines: reply.inner().iter().filter_map(feature).take(MAX_FEATURES).collect() }
    }

    /// The feature lines, trimmed.
    pub fn lines(&self) -> &[Text] {
        &self.lines
    }

    /// The parameters of the feature `name` (compared without case), empty if it has none;
    /// `None` if the server does not offer it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The parameters of every line of the feature `name`: some servers send `AUTH SSL` and
    /// `AUTH TLS` on two.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.lines.iter().filter_map(Text::to_str).filter_map(move |line| {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            word.eq_ignore_ascii_case(name).then_some(rest.trim())
        })
    }

    /// True if the server offers `name`.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// AUTH TLS, in any of the forms in use (`AUTH TLS`, `AUTH TLS;SSL;TLS-C;TLS-P;`, `AUTH SSL, TLS`).
    pub fn auth_tls(&self) -> bool {
        self.parameters("AUTH").any(|word| word.eq_ignore_ascii_case("TLS"))
    }

    /// `REST STREAM`: transfers can be resumed.
    pub fn rest_stream(&self) -> bool {
        self.parameters("REST").any(|word| word.eq_ignore_ascii_case("STREAM"))
    }

    /// `MLSC n`: directories of up to so many entries are listed in one reply. GridFTP servers name no ceiling, and answer
    /// with more than a reply can hold.
    pub fn mlsc(&self) -> Option<usize> {
        self.parameters("MLSC").find_map(|word| word.parse().ok())
    }

    /// `RANG STREAM`: byte ranges can be transferred.
    pub fn rang_stream(&self) -> bool {
        self.parameters("RANG").any(|word| word.eq_ignore_ascii_case("STREAM"))
    }

    /// MDTM also sets times: the feature line shows the two-word form.
    pub fn mdtm_sets(&self) -> bool {
        self.all("MDTM").any(|form| form.to_ascii_uppercase().starts_with("YYYYMMDD"))
    }

    /// `PEER KEY`: the server proves by a key whom it talks to on a data connection, and is proven it.
    pub fn peer_key(&self) -> bool {
        self.parameters("PEER").any(|word| word.eq_ignore_ascii_case("KEY"))
    }

    /// `PEER EXPECT`: the server verifies whom it talks to on a data connection by a certificate.
    pub fn peer_expect(&self) -> bool {
        self.parameters("PEER").any(|word| word.eq_ignore_ascii_case("EXPECT"))
    }

    /// A child of SITE, as in ` SITE CHMOD`.
    pub fn site(&self, child: &str) -> bool {
        self.parameters("SITE").any(|word| word.eq_ignore_ascii_case(child))
    }

    /// The facts that MLST can tell, in lower case, without asterisks.
    pub fn mlst_facts(&self) -> Vec<String> {
        self.parameters("MLST")
            .map(|fact| fact.trim_end_matches('*').to_ascii_lowercase())
            .filter(|fact| !fact.is_empty())
            .collect()
    }

    /// True if MFF can set the fact `name`.
    pub fn mff_sets(&self, name: &str) -> bool {
        self.parameters("MFF").any(|fact| fact.eq_ignore_ascii_case(name))
    }

    /// The digests that HASH computes, the one in force marked with `true`.
    pub fn hash(&self) -> Vec<(DigestKind, bool)> {
        self.parameters("HASH")
            .filter_map(|name| {
                let kind = DigestKind::parse(name.trim_end_matches('*').as_bytes())?;
                Some((kind, name.ends_with('*')))
            })
            .collect()
    }

    /// Every digest that this server can compute, by HASH or by an X command, the strongest first.
    pub fn digests(&self) -> Vec<DigestKind> {
        let hash = self.hash();
        DigestKind::ALL
            .into_iter()
            .filter(|&kind| hash.iter().any(|entry| entry.0 == kind) || self.has_x(kind))
            .collect()
    }

    /// True if the X command of `kind` (or, for MD5, the command MD5) is offered.
    pub fn has_x(&self, kind: DigestKind) -> bool {
        self.has(kind.verb().name()) || (kind == DigestKind::Sha1 && self.has("XSHA"))
    }

    /// The words of a feature's parameters, whatever separates them.
    fn parameters<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.all(name).flat_map(|rest| rest.split([' ', ';', ','])).filter(|word| !word.is_empty())
    }
}

impl<T: Into<Text>> FromIterator<T> for Features {
    fn from_iter<I: IntoIterator<Item = T>>(lines: I) -> Self {
        Features { lines: lines.into_iter().map(Into::into).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::reply::ReplyParser;

    fn features(text: &str) -> Features {
        let mut parser = ReplyParser::default();
        let reply = text.lines().find_map(|line| parser.line(line.as_bytes()).expect("a reply"));
        Features::parse(&reply.expect("whole"))
    }

    #[test]
    fn a_well_formed_answer() {
        let features = features(concat!(
            "211-Features:\n AUTH TLS\n EPSV\n MDTM\n REST STREAM\n RANG STREAM\n SITE CHMOD\n SITE UTIME\n",
            " HASH CRC32;MD5;SHA-1*;SHA-256\n XSHA512\n MFF modify;UNIX.mode;\n",
            " MLST type*;Size*;modify*;UNIX.mode;\n211 End"
        ));
        assert!(features.auth_tls() && features.rest_stream() && features.rang_stream());
        assert!(features.has("epsv") && !features.has("EPS") && !features.has("CPSV"));
        assert!(!features.mdtm_sets());
        assert!(features.site("chmod") && features.site("UTIME") && !features.site("SYMLINK"));
        assert_eq!(features.mlst_facts(), ["type", "size", "modify", "unix.mode"]);
        assert!(features.mff_sets("Modify") && !features.mff_sets("Create"));
        assert_eq!(features.digests(), DigestKind::ALL);
        assert!(features.hash().contains(&(DigestKind::Sha1, true)));
        assert!(features.hash().contains(&(DigestKind::Md5, false)));
    }

    #[test]
    fn the_forms_in_use() {
        assert!(features("211-x\n AUTH SSL\n AUTH TLS\n211 x").auth_tls());
        assert!(features("211-x\n AUTH TLS;SSL;TLS-C;TLS-P;\n211 x").auth_tls());
        assert!(!features("211-x\n AUTH SSL\n211 x").auth_tls());
        let peer = |text: &str| (features(text).peer_key(), features(text).peer_expect());
        assert_eq!(peer("211-x\n PEER KEY;EXPECT\n211 x"), (true, true));
        assert_eq!(peer("211-x\n PEER expect\n211 x"), (false, true));
        assert_eq!(peer("211-x\n PEER\n KEY\n211 x"), (false, false));
        // Each line with the code, no space before the features.
        assert!(features("211-x\n211-SSCN\n211-CPSV\n211 x").has("CPSV"));
        assert!(features("211-x\nSSCN\n211 x").has("SSCN"));
        assert!(features("211-x\n MDTM YYYYMMDDHHMMSS[+-TZ];filename\n211 x").mdtm_sets());
        assert_eq!(
            features("211-x\n XCRC filename;start;end\n XSHA\n211 x").digests(),
            [DigestKind::Sha1, DigestKind::Crc32]
        );
    }

    #[test]
    fn no_features_and_too_many() {
        for text in ["211 no features", "500 what?", "502-a\n SSCN\n502 b", "211-a\n211 b"] {
            assert!(features(text).lines().is_empty(), "{text}");
        }
        let many = format!("211-x\n {}\n{}211 x", "y".repeat(5000), " X\n".repeat(10_000));
        assert_eq!(features(&many).lines().len(), MAX_FEATURES);
    }
}
