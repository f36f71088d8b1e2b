//! The products, one row each. A row says only in what the product differs from [`ORDINARY`].
//!
//! DrFTPD, ebftpd, wzdftpd and ioFTPD are described from their sources. glFTPd, cuftpd and RaidenFTPD are
//! closed: glFTPd's row comes from its release notes, its clones and the clients made for it; cuftpd's is
//! that of its family, whose commands it takes; RaidenFTPD's comes from its own specification of SSCN
//! and is that of the servers for Windows, which know no CPSV. Where they refuse FXP in words that nobody
//! wrote down, the words here name FXP, as all of the family's do.

use std::time::Duration;

use super::{
    Announce, Begin, Cpsv, Denial, Dialect, Epsv, Features, Labour, Login, Parting, PassiveReply, Port, Pret,
    ProtClear, Rest, Sscn, Times, Tls, Wire, Words, Xcrc,
};

/// A server without a peculiarity that a client could see, and without CPSV and SSCN.
pub const ORDINARY: Dialect = Dialect {
    name: "ordinary",
    ip: None,
    greeting: "Service ready",
    system: "UNIX Type: L8",
    login: Login::Password,
    features: Features {
        list: &["SIZE", "MDTM", "REST STREAM", "UTF8"],
        in_tls: &["AUTH TLS", "PBSZ", "PROT"],
        before: " ",
        early: None,
        unknown: false,
    },
    wire: Wire::Proper,
    pbsz: "200 PBSZ 0 successful",
    prot_wants_pbsz: true,
    prot_clear: ProtClear::Taken,
    tls: Tls::Modern,
    cpsv: Cpsv::Unknown,
    sscn: None,
    passive: PassiveReply::Brackets,
    no_passive: None,
    announce: Announce::Own,
    epsv: Epsv::Unknown,
    port: Port { connects_at_once: false, comment: &[], rewrites: false },
    pret: Pret::Unknown,
    denial: Denial {
        at_port: Some("500 Illegal PORT command: no FXP"),
        sending: Some("425 Foreign address: no FXP"),
        receiving: Some("425 Foreign address: no FXP"),
        kills_listener: true,
    },
    tls_failure: ("425 TLS handshake failed: {}", Parting::Stays),
    reuse_demanded: "522 SSL connection failed; session reuse required",
    begin: Begin::Connected("150 Opening data connection"),
    done: "226 Transfer complete",
    empty_at_once: false,
    aborted: &["426 Transfer aborted", "226 Abort successful"],
    rest: Rest { code: 350, max: u64::MAX, sticky: false, no_stor: None },
    no_overwrite: None,
    ration: None,
    breaks_first: None,
    listing_extra: "",
    facts: false,
    no_list: None,
    size_in_ascii: None,
    noop_in_transfer: "200 OK",
    stat_list: None,
    times: Times { listed: 0, told: Some(0), set: None, even: false },
    xcrc: None,
    labour: Labour { takes: Duration::ZERO, fails: (0, "") },
    words: Words {
        made: "257 {} created",
        exists: "550 Directory exists",
        entered: "250 Directory changed",
        deleted: "250 Deleted",
    },
    renames: true,
    quotes: true,
    epsv_all: "200 EPSV ALL successful",
};

/// SSCN as its specification has it.
pub const SSCN: Sscn = Sscn {
    verb: "SSCN",
    code: 200,
    roles: ("SSCN:CLIENT METHOD", "SSCN:SERVER METHOD"),
    case_sensitive: false,
    bare_is_off: false,
    wants_prot: None,
    bad: Some("501 SSCN wants ON or OFF"),
};

/// SSCN in FEAT.
const WITH_SSCN: &[&str] = &["AUTH TLS", "PBSZ", "PROT", "SSCN"];

/// CPSV and SSCN in FEAT.
const WITH_CPSV: &[&str] = &["AUTH TLS", "PBSZ", "PROT", "CPSV", "SSCN"];

/// glFTPd: CPSV for one transfer, EPSV with an address after CEPR, `STAT -l`; a handshake that fails ends
/// the session.
pub const GLFTPD: Dialect = Dialect {
    name: "glFTPd",
    greeting: "Welcome (glFTPd 2.08 Linux+TLS) ready.",
    features: Features {
        list: &["SIZE", "MDTM", "REST STREAM", "SITE PRE", "CEPR", "EPSV", "EPRT"],
        in_tls: WITH_CPSV,
        ..ORDINARY.features
    },
    cpsv: Cpsv::OneListener,
    sscn: Some(SSCN),
    epsv: Epsv::Cepr,
    denial: Denial {
        at_port: Some("500 You are not allowed to FXP from here"),
        sending: Some("530 FXP download is not allowed"),
        receiving: Some("530 FXP upload is not allowed"),
        kills_listener: true,
    },
    tls_failure: (
        "435 Failed TLS negotiation on data channel (SSL_accept(): {}), disconnected",
        Parting::HangsUp,
    ),
    begin: Begin::Before("150 Opening BINARY mode data connection"),
    done: "226- [Ul: 1.0MB] [Dl: 2.0MB]\r\n226 Transfer Complete.",
    stat_list: Some(213),
    ..ORDINARY
};

/// cuftpd: of glFTPd's family.
pub const CUFTPD: Dialect = Dialect {
    name: "cuftpd",
    greeting: "cuftpd ready.",
    system: "UNIX Type: L8",
    features: Features {
        list: &["SIZE", "MDTM", "REST STREAM", "XCRC"],
        in_tls: WITH_CPSV,
        ..ORDINARY.features
    },
    cpsv: Cpsv::OneListener,
    sscn: Some(SSCN),
    xcrc: Some(Xcrc { reply: "250 {}", trimmed: false }),
    denial: Denial {
        at_port: Some("500 FXP is not allowed"),
        sending: Some("425 FXP is not allowed"),
        receiving: Some("425 FXP is not allowed"),
        kills_listener: true,
    },
    stat_list: Some(213),
    ..ORDINARY
};

/// RaidenFTPD: SSCN is its own; no CPSV. MDTM sets times.
pub const RAIDENFTPD: Dialect = Dialect {
    name: "RaidenFTPD",
    greeting: "RaidenFTPD ready.",
    system: "UNIX Type: L8",
    features: Features {
        list: &["SIZE", "MDTM", "MDTM YYYYMMDDHHMMSS filename", "REST STREAM", "XCRC"],
        in_tls: WITH_SSCN,
        ..ORDINARY.features
    },
    sscn: Some(SSCN),
    xcrc: Some(Xcrc { reply: "250 {}", trimmed: false }),
    ..ORDINARY
};

/// DrFTPD: a master without files, slaves with them. PRET is demanded and forgets everything; SSCN answers
/// 220, wants PROT P and is wiped by CPSV; FXP is refused only once the slave sees who has connected;
/// nothing is overwritten, so that no upload is resumed.
pub const DRFTPD: Dialect = Dialect {
    name: "DrFTPD",
    greeting: "Service ready for new user.",
    system: "UNIX Type: L8 drftpd",
    features: Features {
        list: &["SIZE", "MDTM", "REST STREAM", "PRET", "XCRC", "SITE XDUPE"],
        in_tls: WITH_CPSV,
        ..ORDINARY.features
    },
    prot_wants_pbsz: false,
    cpsv: Cpsv::WipesSscn,
    sscn: Some(Sscn {
        code: 220,
        wants_prot: Some("500 SSCN only works for encrypted transfers"),
        bad: None,
        ..SSCN
    }),
    passive: PassiveReply::Commented("Using slave3 for upcoming transfer"),
    announce: Announce::Slave,
    pret: Pret::Demanded,
    port: Port {
        comment: &["FXP allowed. If you're not FXPing then set your IP to 127.0.0.1 in your client"],
        ..ORDINARY.port
    },
    denial: Denial {
        at_port: None,
        sending: Some("426 You are not allowed to FXP from here."),
        receiving: Some("426 You are not allowed to FXP from here."),
        kills_listener: true,
    },
    tls_failure: ("426- {}\r\n426 Transfer failed", Parting::Stays),
    begin: Begin::Before("150 File status okay; about to open data connection from 127.0.0.1."),
    done: "226- Checksum from transfer: 6D07F2E1\r\n226 Closing data connection",
    aborted: &["226 Transfer aborted"],
    no_overwrite: Some("553 Requested action not taken. File exists."),
    xcrc: Some(Xcrc { reply: "250 XCRC Successful. {}", trimmed: true }),
    ..ORDINARY
};

/// wzdftpd: CPSV sets the very flag of SSCN ON, and a bare SSCN clears it.
pub const WZDFTPD: Dialect = Dialect {
    name: "wzdftpd",
    greeting: "wzd server ready.",
    features: Features {
        list: &["SIZE", "MDTM", "REST STREAM", "PRET", "XCRC"],
        in_tls: WITH_CPSV,
        ..ORDINARY.features
    },
    cpsv: Cpsv::Sticky,
    sscn: Some(Sscn { bare_is_off: true, bad: Some("550 SSCN: bad argument"), ..SSCN }),
    pret: Pret::Idle,
    denial: Denial {
        at_port: Some("501 FXP not allowed"),
        sending: Some("501 FXP not allowed"),
        receiving: Some("501 FXP not allowed"),
        kills_listener: true,
    },
    begin: Begin::Before("150 Opening BINARY data connection"),
    xcrc: Some(Xcrc { reply: "250 {}", trimmed: true }),
    ..ORDINARY
};

/// ebftpd: connects at PORT; refuses FXP after 150; REST says 200 and has 32 bits; EPSV takes no numbers.
pub const EBFTPD: Dialect = Dialect {
    name: "ebftpd",
    greeting: "Welcome to ebftpd.",
    features: Features {
        list: &["SIZE", "MDTM", "REST STREAM", "EPSV", "EPRT"],
        in_tls: WITH_CPSV,
        ..ORDINARY.features
    },
    prot_wants_pbsz: false,
    cpsv: Cpsv::OneListener,
    sscn: Some(SSCN),
    epsv: Epsv::Extended,
    port: Port { connects_at_once: true, ..ORDINARY.port },
    denial: Denial {
        at_port: None,
        sending: Some("425 Unable to open data connection: FXP download to not allowed."),
        receiving: Some("425 Unable to open data connection: FXP upload from not allowed."),
        kills_listener: true,
    },
    begin: Begin::Before("150 Opening data connection."),
    aborted: &["426 Abort requested, closing data connection", "226 Transfer aborted @ 1.0MB/s"],
    rest: Rest { code: 200, max: u32::MAX as u64, ..ORDINARY.rest },
    noop_in_transfer: "503 Unsupported command during transfer",
    stat_list: Some(212),
    ..ORDINARY
};

/// ioFTPD: CPSV's role waits until a protected transfer uses it; it connects at PORT.
pub const IOFTPD: Dialect = Dialect {
    name: "ioFTPD",
    greeting: "ioFTPD v7.7.3 ready.",
    features: Features {
        list: &["SIZE", "MDTM", "REST STREAM", "XCRC filename;start;end", "STAT -1aAdflLRsTU"],
        in_tls: WITH_CPSV,
        ..ORDINARY.features
    },
    cpsv: Cpsv::Armed,
    sscn: Some(SSCN),
    port: Port { connects_at_once: true, ..ORDINARY.port },
    denial: Denial {
        at_port: Some("500 Transfer to specified network address is not allowed"),
        sending: Some("550 FXP from path is not allowed"),
        receiving: Some("550 FXP to path is not allowed"),
        kills_listener: true,
    },
    begin: Begin::Before("150 Opening BINARY mode data connection"),
    xcrc: Some(Xcrc { reply: "250 {}", trimmed: false }),
    stat_list: Some(211),
    ..ORDINARY
};

/// All products.
pub const PRODUCTS: [Dialect; 7] = [GLFTPD, CUFTPD, RAIDENFTPD, DRFTPD, WZDFTPD, EBFTPD, IOFTPD];
