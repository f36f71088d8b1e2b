//! What the server machine asks of the outside, and what comes back.
//!
//! Some sixty verbs become these few effects. Each has an id: STAT, ABOR and QUIT arrive while one
//! runs, and an outcome that arrives after `Cancel` is dropped by its id.

use std::net::SocketAddr;
use std::sync::{Arc, atomic::AtomicU64};

use crate::grammar::addr::{Family, HostPort};
use crate::grammar::params::{DigestKind, Protection, TlsRole, TransferType};
use crate::grammar::peer::{PeerKey, PeerProof};
use crate::grammar::rate::RateLimit;
use crate::grammar::verb::Verb;
pub use crate::listing::mlsx::FactSet;
use crate::listing::{entry::Entry, time::FtpTime};
use crate::path::VPath;
use crate::wire::{secret::Secret, text::Text};

/// Names one running effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EffectId(pub u64);

/// Names one prepared data connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlotId(pub u64);

/// A data connection that was prepared by PASV, PORT or their kin, as it was at that moment.
///
/// It serves one transfer. The effect that carries it takes it over: the driver closes what stands
/// behind it when that effect ends, however it ends, and when it is cancelled. A slot that no transfer
/// took is given up by [`Effect::Release`], one whose `Listen` or `Aim` failed is gone at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its name; the driver keeps listener or target under it.
    pub id: SlotId,
    /// The command that made it.
    pub verb: Verb,
    /// In clear or inside TLS.
    pub protection: Protection,
    /// Our part in the handshake of a file transfer. Listings are always sent as TLS server.
    pub role: TlsRole,
    /// Where to connect to; `None` when we listen.
    pub target: Option<HostPort>,
    /// What the other end must prove (PEER). A file transfer carries what is in force at its command, which
    /// may be a later key than the slot was made under; a listing, which goes to the client, carries nothing.
    pub peer: Option<PeerProof>,
}

impl Slot {
    /// True if we listen.
    pub fn is_passive(&self) -> bool {
        self.target.is_none()
    }
}

/// Bytes that a running transfer has moved: written by the driver, read by STAT.
#[derive(Clone, Debug, Default)]
pub struct Progress(pub Arc<AtomicU64>);

/// Something only I/O can do.
#[derive(Debug)]
pub enum Effect {
    /// Check a user and a password. Answered by [`Outcome::LoggedIn`].
    Login(Login),
    /// Listen for the slot's data connection, and accept from now on. Answered by [`Outcome::Listening`].
    Listen {
        /// The slot; its `target` is `None`.
        slot: Slot,
        /// The family asked for; `None` means the control connection's. PASV and CPSV always ask for
        /// IPv4, which may well be had while the control connection is IPv6. What cannot be had is
        /// [`FailureKind::Family`].
        family: Option<Family>,
    },
    /// May any rule ever allow a connection to the slot's target? Answered by [`Outcome::Done`], or by
    /// [`FailureKind::Policy`].
    Aim(Slot),
    /// The slot is gone: close its listener. Needs no answer.
    Release(SlotId),
    /// Another key than before is awaited on the slot. Needs no answer.
    Rekey(SlotId, PeerKey),
    /// Send a file. Answered by [`Outcome::Transferred`].
    Send(Send),
    /// Receive a file. Answered by [`Outcome::Transferred`].
    Receive(Receive),
    /// Send a listing. Answered by [`Outcome::Transferred`].
    List(List),
    /// One operation on names. Answered by [`Outcome::Done`] or what the operation says.
    File(FileOp),
    /// Compute a digest. Answered by [`Outcome::Digest`].
    Digest(Digest),
}

/// A login attempt.
#[derive(Debug)]
pub struct Login {
    /// USER's argument.
    pub user: Text,
    /// PASS's argument; wiped after use, shown as `***` by its type's owner.
    pub password: Secret,
    /// HOST's argument, if it was given.
    pub host: Option<Text>,
}

/// RETR.
#[derive(Debug)]
pub struct Send {
    /// The data connection.
    pub slot: Slot,
    /// The file.
    pub path: VPath,
    /// Bytes as they are, or with CRLF line ends.
    pub kind: TransferType,
    /// First byte to send (REST or RANG).
    pub start: u64,
    /// Last byte to send, inclusive (RANG); `None` is the end of the file.
    pub end: Option<u64>,
    /// How fast at most (RATE).
    pub rate: Option<RateLimit>,
    /// Where to count.
    pub progress: Progress,
}

/// STOR, APPE, STOU.
#[derive(Debug)]
pub struct Receive {
    /// The data connection.
    pub slot: Slot,
    /// The file; for [`Placement::Unique`] the name to begin with.
    pub path: VPath,
    /// Bytes as they are, or with CRLF line ends.
    pub kind: TransferType,
    /// Where the bytes go.
    pub placement: Placement,
    /// How fast at most (RATE).
    pub rate: Option<RateLimit>,
    /// Where to count.
    pub progress: Progress,
}

/// Where received bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// STOR without REST: replace the file.
    Replace,
    /// STOR after `REST n`: from byte n; what stood there and beyond is cut off.
    From(u64),
    /// STOR after `RANG a b`: bytes a to b inclusive; nothing is cut off, more bytes are an error.
    Range(u64, u64),
    /// APPE: at the end.
    Append,
    /// STOU: under a name that does not exist yet.
    Unique,
}

/// LIST, NLST, MLSD over a data connection; MLSC, and STAT with a path, over the control connection.
#[derive(Debug)]
pub struct List {
    /// The data connection; `None`: lines go to the control connection as [`Event::Lines`].
    pub slot: Option<Slot>,
    /// The directory or file.
    pub path: VPath,
    /// How a line looks.
    pub style: ListStyle,
    /// Where to count.
    pub progress: Progress,
}

/// The most entries of a directory that MLSC tells; whoever has more of them asks MLSD. Our answer to FEAT names it.
pub const MOST_LISTED: usize = 1000;

/// How a line of a listing looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListStyle {
    /// `ls -l`; with dot files or without.
    Long {
        /// `-a`.
        hidden: bool,
    },
    /// Names only; with dot files or without.
    Names {
        /// `-a`.
        hidden: bool,
    },
    /// MLSx facts, those that OPTS MLST chose.
    Facts(FactSet),
}

/// Operations on names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileOp {
    /// What is there? Answered by [`Outcome::Facts`]. Serves CWD, SIZE, MDTM, MLST, RNFR.
    Stat(VPath),
    /// MKD.
    MakeDirectory(VPath),
    /// RMD.
    RemoveDirectory(VPath),
    /// DELE.
    Delete(VPath),
    /// RNFR and RNTO; replaces an existing file.
    Rename {
        /// Old path.
        from: VPath,
        /// New path.
        to: VPath,
    },
    /// MFMT, MFF, MDTM with a time, SITE UTIME.
    SetTime(VPath, FtpTime),
    /// SITE CHMOD, MFF; bits 0 to 0o777.
    SetMode(VPath, u32),
    /// SITE SYMLINK.
    Symlink {
        /// What it points at, as written.
        target: Text,
        /// The link.
        link: VPath,
    },
    /// AVBL, ALLO. Answered by [`Outcome::Space`].
    Space(VPath),
    /// COMB.
    Combine {
        /// The file that grows.
        target: VPath,
        /// The parts, deleted once joined.
        parts: Vec<VPath>,
    },
}

/// HASH, XCRC, MD5 and their kin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Algorithm.
    pub kind: DigestKind,
    /// The file.
    pub path: VPath,
    /// First byte.
    pub start: u64,
    /// End, exclusive; `None` is the end of the file.
    pub end: Option<u64>,
}

/// News of a running effect.
#[derive(Debug)]
pub enum Event {
    /// The second yes: everything that can be checked beforehand is right, the data connection is
    /// about to be opened. The machine sends `150`.
    Opening {
        /// Size of the file or listing, where known.
        size: Option<u64>,
        /// The name STOU chose.
        name: Option<VPath>,
    },
    /// Lines of a listing for the control connection.
    Lines(Vec<Text>),
}

/// The end of an effect.
#[derive(Debug)]
pub enum Outcome {
    /// Done, nothing to tell.
    Done,
    /// The user is in.
    LoggedIn(LoggedIn),
    /// Listening; this is the address to announce.
    Listening(SocketAddr),
    /// What is there.
    Facts(Entry),
    /// Free bytes.
    Space(u64),
    /// A digest, lower-case hex, and the range it covers (end exclusive).
    Digest {
        /// Lower-case hex.
        hex: String,
        /// First byte.
        start: u64,
        /// End, exclusive.
        end: u64,
    },
    /// All bytes moved and the data connection properly closed.
    Transferred {
        /// Payload bytes.
        bytes: u64,
        /// The name STOU chose.
        name: Option<VPath>,
        /// How many names a listing left out, since FTP cannot carry them.
        left_out: u64,
    },
    /// All lines of a listing went to the control connection.
    Listed {
        /// How many names it left out, since FTP cannot carry them.
        left_out: u64,
    },
    /// It did not work.
    Failed(Failure),
}

/// A successful login.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    /// Where the session starts.
    pub home: VPath,
    /// Text for the 230 reply.
    pub message: Text,
    /// The user may exchange files with other servers, where a rule or a proof allows it.
    pub foreign_peers: bool,
}

/// Why an effect failed: a kind for the reply code, a sentence for the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Chooses the reply code.
    pub kind: FailureKind,
    /// One sentence; shown to the client.
    pub detail: Text,
}

/// Kinds of failure, each with the reply code it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// 530: wrong user or password (one text for both).
    BadLogin,
    /// 421: too many sessions; the connection closes.
    TooMany,
    /// 550: no such file.
    NotFound,
    /// 550: no right to do that.
    Denied,
    /// 550 (MKD, SITE SYMLINK), 553 (STOR): exists already.
    Exists,
    /// 550: a directory where a file is needed.
    IsDirectory,
    /// 550: a file where a directory is needed.
    NotDirectory,
    /// 550: the directory is not empty.
    NotEmpty,
    /// 553: the name is not allowed.
    BadName,
    /// 554: the offset lies beyond the end.
    BadOffset,
    /// 452: the disk is full.
    NoSpace,
    /// 552: over quota, or more bytes than the range allows.
    Quota,
    /// 450: busy, try again.
    Busy,
    /// 504: the storage cannot do that.
    Unsupported,
    /// 451: input or output error on our disk.
    Io,
    /// 500 at the address command, 425 at the transfer: the data-connection policy says no.
    Policy,
    /// 425: no data connection came about (refused, timed out, nobody came).
    Connect,
    /// 425: the TLS handshake failed, or the peer did not prove what it had to (PEER).
    Handshake,
    /// 522: the data connection must resume the control connection's TLS session.
    NotResumed,
    /// 521/522: the protection level is not allowed here.
    Protection,
    /// 426: the data connection broke, or ended without close_notify.
    Broken,
    /// 426: cancelled.
    Aborted,
    /// 425: the address family cannot be served (522 at EPSV, EPRT).
    Family,
}
