//! Servers that behave like products we cannot install: closed, for Windows, or of the last century.
//!
//! One small FTP server ([`Peer`]) with real sockets, real files and real TLS roles, and a [`Dialect`] that
//! says where a product differs from it: a row of [`products`], or a row with one more field changed.
//! What is known of the products, and from where, stands beside each row.

use std::net::IpAddr;
use std::time::Duration;

mod command;
mod control;
mod files;
mod listen;
mod peer;
pub mod products;
mod transfer;

pub use peer::{Peer, Roles};

/// How a server speaks: everything in which the products differ.
#[derive(Clone, Debug)]
pub struct Dialect {
    /// As its makers write it.
    pub name: &'static str,
    /// Where it listens; `None`: at a loopback address of its own.
    pub ip: Option<IpAddr>,
    /// The first line it says.
    pub greeting: &'static str,
    /// The answer to SYST.
    pub system: &'static str,
    /// How a login goes.
    pub login: Login,
    /// The answer to FEAT.
    pub features: Features,
    /// The shape of every reply on the wire.
    pub wire: Wire,
    /// The reply to `PBSZ 0`.
    pub pbsz: &'static str,
    /// PROT wants PBSZ first.
    pub prot_wants_pbsz: bool,
    /// What comes of PROT C.
    pub prot_clear: ProtClear,
    /// Versions and certificates.
    pub tls: Tls,
    /// CPSV.
    pub cpsv: Cpsv,
    /// SSCN or its older name.
    pub sscn: Option<Sscn>,
    /// How PASV and CPSV answer.
    pub passive: PassiveReply,
    /// PASV is refused in these words.
    pub no_passive: Option<&'static str>,
    /// The address in that answer.
    pub announce: Announce,
    /// EPSV.
    pub epsv: Epsv,
    /// PORT.
    pub port: Port,
    /// PRET.
    pub pret: Pret,
    /// How a foreign address is refused where FXP is not allowed.
    pub denial: Denial,
    /// The reply when the handshake of a data connection fails, and whether the session ends with it.
    pub tls_failure: (&'static str, Parting),
    /// The reply when a data connection should have resumed the control connection's session.
    pub reuse_demanded: &'static str,
    /// When and how a transfer begins.
    pub begin: Begin,
    /// The final reply of a transfer that went well.
    pub done: &'static str,
    /// An empty file ends with the final reply alone.
    pub empty_at_once: bool,
    /// Replies to an ABOR that finds a transfer running: the transfer's and its own.
    pub aborted: &'static [&'static str],
    /// REST.
    pub rest: Rest,
    /// STOR on a file that exists: refused in these words.
    pub no_overwrite: Option<&'static str>,
    /// The most transfers one session may make, and what comes then.
    pub ration: Option<(u32, &'static str)>,
    /// The first file that a session sends breaks off in the middle, in these words.
    pub breaks_first: Option<&'static str>,
    /// What stands in a listing beside the files.
    pub listing_extra: &'static str,
    /// MLSD and MLST are known; they show what a link leads to in its place (pyftpdlib).
    pub facts: bool,
    /// LIST is refused in these words.
    pub no_list: Option<&'static str>,
    /// SIZE outside of TYPE I.
    pub size_in_ascii: Option<&'static str>,
    /// NOOP while a transfer runs.
    pub noop_in_transfer: &'static str,
    /// Begins the answer to `STAT -l path`; `None`: not known.
    pub stat_list: Option<u16>,
    /// Times of files.
    pub times: Times,
    /// XCRC: what stands around the number (`{}`).
    pub xcrc: Option<Xcrc>,
    /// What comes in between where XCRC is asked for.
    pub labour: Labour,
    /// MKD, MKD of what is there, CWD, DELE.
    pub words: Words,
    /// RNFR and RNTO are known.
    pub renames: bool,
    /// How PWD and MKD quote: `false`: not at all.
    pub quotes: bool,
    /// `EPSV ALL` is answered so.
    pub epsv_all: &'static str,
}

/// How a login goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// 331, then 230.
    Password,
    /// 331, then a `230-` of several lines, some of which look like replies.
    Verbose,
    /// USER is enough.
    NameAlone,
    /// Refused at PASS, in these words.
    Full(&'static str),
    /// Refused in these words, until somebody kills a session with `USER !name`.
    Kill(&'static str),
    /// Refused in these words until TLS protects the connection.
    TlsOnly(&'static str),
}

/// The answer to FEAT.
#[derive(Clone, Copy, Debug)]
pub struct Features {
    /// What is offered, inside TLS or out of it.
    pub list: &'static [&'static str],
    /// What is offered inside TLS only.
    pub in_tls: &'static [&'static str],
    /// How each line begins: ` `, nothing, or `211-`.
    pub before: &'static str,
    /// FEAT before the login; `None`: as after it.
    pub early: Option<&'static str>,
    /// FEAT itself is not known.
    pub unknown: bool,
}

/// The shape of every reply on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// CR LF, all at once.
    Proper,
    /// LF alone.
    LineFeeds,
    /// Byte by byte.
    Dripping,
    /// With a Telnet command in front.
    Telnet,
    /// With a byte that is not UTF-8 at its end.
    Latin1,
    /// With a line of five kilobytes in front.
    Long,
}

/// Versions and certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// 1.2 and 1.3, one certificate.
    Modern,
    /// 1.2 alone.
    Only12,
    /// Data connections show another certificate than control connections, and resume nothing.
    OtherCertificate,
}

/// What comes of PROT C inside TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtClear {
    /// Taken.
    Taken,
    /// Refused in these words.
    Refused(&'static str),
    /// Taken, and the transfer refused in these words.
    RefusedLater(&'static str),
}

/// CPSV: what becomes of the TLS client role that it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cpsv {
    /// Not known.
    Unknown,
    /// Bound to this listener (ebftpd, glFTPd).
    OneListener,
    /// Bound to this listener; afterwards SSCN is OFF, whatever it was (drftpd).
    WipesSscn,
    /// Kept until a protected transfer that is no listing uses it, however that was set up (ioFTPD).
    Armed,
    /// The same as SSCN ON, until SSCN OFF (wzdftpd).
    Sticky,
}

/// SSCN.
#[derive(Clone, Copy, Debug)]
pub struct Sscn {
    /// `SSCN`, or `CCSN` alone.
    pub verb: &'static str,
    /// Begins the replies: 200, or drftpd's 220.
    pub code: u16,
    /// What a client's role is called, and a server's.
    pub roles: (&'static str, &'static str),
    /// Only `ON` and `OFF` in upper case.
    pub case_sensitive: bool,
    /// A bare SSCN switches off.
    pub bare_is_off: bool,
    /// Refused before PROT P.
    pub wants_prot: Option<&'static str>,
    /// The reply to another argument; `None`: the state, as if nothing had been said.
    pub bad: Option<&'static str>,
}

/// How PASV and CPSV answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassiveReply {
    /// `227 Entering Passive Mode (h,h,h,h,p,p).`
    Brackets,
    /// A comment line in front of it.
    Commented(&'static str),
    /// No parentheses, no full stop.
    Bare,
    /// `=h,h,h,h,p,p`.
    Equals,
    /// Without the word 227 stands for, and without a full stop.
    Terse,
    /// `(1,p,p)`: the address of the control connection is meant.
    Short,
}

/// The address that PASV and CPSV announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announce {
    /// The control connection's own.
    Own,
    /// Another host's: files live on slaves, which listen and connect from an address of their own.
    Slave,
    /// This one, which is not where it listens.
    Wrong([u8; 4]),
}

/// EPSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epsv {
    /// Not known.
    Unknown,
    /// RFC 2428, with this delimiter.
    Delimiter(char),
    /// `EPSV EXTENDED` and no other argument; then with family and address (ebftpd).
    Extended,
    /// With family and address after `CEPR ON` (glFTPd).
    Cepr,
    /// Refused in these words whatever the argument.
    Refused(&'static str),
}

/// PORT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// It connects before it answers.
    pub connects_at_once: bool,
    /// Comment lines before the 200.
    pub comment: &'static [&'static str],
    /// A private or loopback address is silently taken for the client's own (proftpd).
    pub rewrites: bool,
}

/// PRET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pret {
    /// Not known.
    Unknown,
    /// Taken without effect.
    Idle,
    /// PASV is refused without it; each one forgets REST, PORT and the listener (drftpd).
    Demanded,
}

/// How a foreign address is refused where FXP is not allowed. Each: `None` lets it pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    /// At PORT.
    pub at_port: Option<&'static str>,
    /// At RETR, after 150.
    pub sending: Option<&'static str>,
    /// At STOR, after 150.
    pub receiving: Option<&'static str>,
    /// The listener dies with the first stranger; else it goes on until somebody else comes.
    pub kills_listener: bool,
}

/// What becomes of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// It goes on.
    Stays,
    /// It ends right behind the reply.
    HangsUp,
}

/// When and how a transfer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// This before anybody has connected.
    Before(&'static str),
    /// This once the data connection stands, before its TLS.
    Connected(&'static str),
    /// This once TLS stands.
    Secured(&'static str),
}

/// REST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// Begins the reply.
    pub code: u16,
    /// The highest offset; beyond it, `554` and nothing is kept.
    pub max: u64,
    /// Kept for the transfers that follow.
    pub sticky: bool,
    /// The reply to STOR behind a REST.
    pub no_stor: Option<&'static str>,
}

/// Times of files: how they are told, and whether they can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// LIST shows them so many seconds later than UTC.
    pub listed: i64,
    /// MDTM tells them so many seconds later than UTC; `None`: MDTM is not known.
    pub told: Option<i64>,
    /// The command that sets them (MFMT, or SITE UTIME); `None`: there is none.
    pub set: Option<&'static str>,
    /// The file system keeps even seconds only.
    pub even: bool,
}

/// Where a digest is work: how long it takes, and how often it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labour {
    /// Each answer takes so long.
    pub takes: Duration,
    /// So many answers, counted over all sessions, are this one instead; a 421 ends the session.
    pub fails: (u32, &'static str),
}

/// XCRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Xcrc {
    /// The reply; `{}` is the number.
    pub reply: &'static str,
    /// Leading zeros are left out.
    pub trimmed: bool,
}

/// Codes and words that nobody agrees on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// A directory was made; `{}` is its name.
    pub made: &'static str,
    /// It is there already.
    pub exists: &'static str,
    /// CWD.
    pub entered: &'static str,
    /// DELE.
    pub deleted: &'static str,
}
