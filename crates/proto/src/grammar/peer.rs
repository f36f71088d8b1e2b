//! `PEER`: the client introduces the two servers of a copy to each other (`docs/spec/peer.md`).
//!
//! A key is a secret that both ends prove on the data connection; a pin is the digest of the certificate
//! that the other end must show there, for servers that do not know the command.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::Zeroizing;

use super::params::ParameterError;

/// What follows `PEER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerRequest {
    /// `KEY` or `EXPECT`: what the other end must prove.
    Set(PeerProof),
    /// `OFF`: whoever comes will do, as far as the rules allow it.
    Off,
}

/// What the other end of a data connection must prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerProof {
    /// That it was given the same key.
    Key(PeerKey),
    /// That it owns the key of a certificate.
    Pin(PeerPin),
}

/// A secret for one file, known to the client and to the two servers: 32 random bytes. Never printed. Clones
/// share one place in memory, which is wiped with the last of them, so that moving a key leaves no copies.
#[derive(Clone)]
pub struct PeerKey(Arc<Zeroizing<[u8; PeerKey::LENGTH]>>);

/// Which certificate the other end must show, and from where it may come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerPin {
    /// SHA-256 of the certificate in DER, one to [`PeerPin::MOST`]; one of them must fit.
    pub digests: Vec<[u8; 32]>,
    /// Addresses that the other end may connect from, at most [`PeerPin::MOST`]; empty is any.
    pub from: Vec<IpAddr>,
}

impl PeerKey {
    /// Bytes of a key.
    pub const LENGTH: usize = 32;

    /// Takes the bytes, which must be drawn at random for each file.
    pub fn new(bytes: [u8; PeerKey::LENGTH]) -> Self {
        PeerKey(Arc::new(Zeroizing::new(bytes)))
    }

    /// The bytes; never print them.
    pub fn expose(&self) -> &[u8; PeerKey::LENGTH] {
        &self.0
    }

    /// 43 characters of base64url without padding, in their one canonical form.
    fn parse(text: &[u8]) -> Option<Self> {
        let mut bytes = Arc::new(Zeroizing::new([0; PeerKey::LENGTH]));
        // Decoding takes the same time for all texts of one length.
        let decoded = Base64UrlUnpadded::decode(text, Arc::get_mut(&mut bytes)?.as_mut_slice()).ok()?;
        (decoded.len() == PeerKey::LENGTH).then_some(())?;
        Some(PeerKey(bytes))
    }
}

/// In constant time.
impl PartialEq for PeerKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0.iter()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }
}

impl Eq for PeerKey {}

impl fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

impl PeerPin {
    /// Ceiling for digests and for addresses: a server has a certificate or two, a cluster some dozens.
    pub const MOST: usize = 64;

    fn parse(argument: &str) -> Result<Self, ParameterError> {
        let mut words = argument.split(' ');
        let digests =
            words.next().unwrap_or_default().split(',').map(digest).collect::<Result<Vec<_>, _>>()?;
        let from = match words.next() {
            None => Vec::new(),
            Some(word) => addresses(word)?,
        };
        if words.next().is_some() {
            return Err(ParameterError::Syntax);
        }
        if digests.len() > PeerPin::MOST || from.len() > PeerPin::MOST {
            return Err(ParameterError::OutOfRange);
        }
        // Only what is well formed can be of a kind that we do not know.
        let digests = digests.into_iter().collect::<Option<Vec<_>>>().ok_or(ParameterError::Unsupported)?;
        Ok(PeerPin { digests, from })
    }
}

/// `SHA-256=` and 64 hex digits; `None` for a digest of another name.
fn digest(text: &str) -> Result<Option<[u8; 32]>, ParameterError> {
    let (name, digits) = text.split_once('=').ok_or(ParameterError::Syntax)?;
    if !is_token(name) || digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(ParameterError::Syntax);
    }
    if !name.eq_ignore_ascii_case("SHA-256") {
        return Ok(None);
    }
    let mut digest = [0; 32];
    if digits.len() != 2 * digest.len() {
        return Err(ParameterError::Syntax);
    }
    for (byte, pair) in digest.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16).ok_or(ParameterError::Syntax);
        *byte = u8::try_from(value(pair[0])? << 4 | value(pair[1])?).map_err(|_| ParameterError::Syntax)?;
    }
    Ok(Some(digest))
}

/// True for what may be the name of a digest.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// `FROM=` and addresses.
fn addresses(word: &str) -> Result<Vec<IpAddr>, ParameterError> {
    let (name, list) = word.split_once('=').ok_or(ParameterError::Syntax)?;
    if !name.eq_ignore_ascii_case("FROM") {
        return Err(ParameterError::Syntax);
    }
    let address = |text: &str| text.parse::<IpAddr>().map_err(|_| ParameterError::Syntax);
    list.split(',').map(|text| address(text).map(|ip| ip.to_canonical())).collect()
}

impl PeerRequest {
    /// Reads the argument of PEER; the words' case does not matter, that of the key does.
    ///
    /// # Errors
    ///
    /// [`ParameterError::Unsupported`] for a digest other than SHA-256, [`ParameterError::OutOfRange`] for more
    /// than [`PeerPin::MOST`] digests or addresses, else [`ParameterError::Syntax`].
    pub fn parse(argument: &[u8]) -> Result<Self, ParameterError> {
        let (word, rest) = match argument.iter().position(|&byte| byte == b' ') {
            Some(space) => (&argument[..space], Some(&argument[space + 1..])),
            None => (argument, None),
        };
        match (word.to_ascii_uppercase().as_slice(), rest) {
            (b"KEY", Some(key)) => {
                let key = PeerKey::parse(key).ok_or(ParameterError::Syntax)?;
                Ok(PeerRequest::Set(PeerProof::Key(key)))
            }
            (b"EXPECT", Some(pin)) => {
                let pin = std::str::from_utf8(pin).map_err(|_| ParameterError::Syntax)?;
                Ok(PeerRequest::Set(PeerProof::Pin(PeerPin::parse(pin)?)))
            }
            (b"OFF", None) => Ok(PeerRequest::Off),
            _ => Err(ParameterError::Syntax),
        }
    }

    /// The argument of PEER. A key is in it, readable.
    pub fn to_argument(&self) -> Zeroizing<String> {
        Zeroizing::new(match self {
            PeerRequest::Off => "OFF".to_owned(),
            PeerRequest::Set(PeerProof::Key(key)) => {
                let text = Zeroizing::new(Base64UrlUnpadded::encode_string(key.expose()));
                format!("KEY {}", *text)
            }
            PeerRequest::Set(PeerProof::Pin(pin)) => format!("EXPECT {pin}"),
        })
    }
}

impl fmt::Display for PeerPin {
    /// As on the wire.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, digest) in self.digests.iter().enumerate() {
            f.write_str(if at == 0 { "SHA-256=" } else { ",SHA-256=" })?;
            digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        }
        for (at, ip) in self.from.iter().enumerate() {
            write!(f, "{}{ip}", if at == 0 { " FROM=" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    #[track_caller]
    fn check(argument: &str, expected: Result<&str, ParameterError>) {
        let read = PeerRequest::parse(argument.as_bytes());
        let written = read.as_ref().map(|request| request.to_argument().to_string()).map_err(|error| *error);
        assert_eq!(written, expected.map(str::to_owned), "{argument}");
        if let Ok(request) = read {
            assert_eq!(PeerRequest::parse(request.to_argument().as_bytes()), Ok(request));
        }
    }

    #[test]
    fn keys() {
        let PeerRequest::Set(PeerProof::Key(key)) =
            PeerRequest::parse(format!("KEY {KEY}").as_bytes()).unwrap()
        else {
            panic!("a key");
        };
        assert_eq!(*key.expose(), std::array::from_fn(|at| at as u8));
        assert_eq!(key, PeerKey::new(*key.expose()));
        assert_ne!(key, PeerKey::new([0; 32]));
        assert_eq!(format!("{key:?}"), "****");
        check(&format!("key {KEY}"), Ok(&format!("KEY {KEY}")));
        let bad = [
            "KEY",
            "KEY ",
            "KEY  AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
            "KEY AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 ",
            "KEY AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "KEY AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh",
            "KEY AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8A",
            // The last character has two bits that stand for nothing; only zeros are taken.
            "KEY AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9",
            "KEY +/ECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        ];
        bad.iter().for_each(|argument| check(argument, Err(ParameterError::Syntax)));
    }

    #[test]
    fn pins() {
        let one = format!("EXPECT SHA-256={HEX}");
        check(&one, Ok(&one));
        check(&format!("expect sha-256={}", HEX.to_uppercase()), Ok(&one));
        let two = format!("EXPECT SHA-256={HEX},SHA-256={HEX} FROM=192.0.2.7,2001:db8::7");
        check(&two, Ok(&two));
        check(&format!("{one} FROM=::ffff:192.0.2.7"), Ok(&format!("{one} FROM=192.0.2.7")));
        check(&format!("EXPECT SHA3-256={HEX}"), Err(ParameterError::Unsupported));
        check(&format!("EXPECT SHA-256={HEX},MD5=00"), Err(ParameterError::Unsupported));
        check("EXPECT MD5=zz", Err(ParameterError::Syntax));
        check("EXPECT MD5=00,garbage", Err(ParameterError::Syntax));
        check("EXPECT MD5=00 FROM=x", Err(ParameterError::Syntax));
        let many = vec![format!("SHA-256={HEX}"); PeerPin::MOST + 1].join(",");
        check(&format!("EXPECT {many}"), Err(ParameterError::OutOfRange));
        let bad = [
            "EXPECT".to_owned(),
            "EXPECT ".to_owned(),
            format!("EXPECT {HEX}"),
            format!("EXPECT SHA-256={}", &HEX[1..]),
            format!("EXPECT SHA-256={}", HEX.replace('0', "+")),
            format!("{one},"),
            format!("{one} "),
            format!("{one} FROM="),
            format!("{one} FROM=example.org"),
            format!("{one} NEAR=192.0.2.7"),
            format!("{one} FROM=192.0.2.7 more"),
        ];
        bad.iter().for_each(|argument| check(argument, Err(ParameterError::Syntax)));
    }

    #[test]
    fn off() {
        check("off", Ok("OFF"));
        ["", "OFF ", "OFF x", "ON", "KEYS x"].iter().for_each(|argument| {
            check(argument, Err(ParameterError::Syntax));
        });
    }
}
