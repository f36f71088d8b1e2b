//! lftp drives FXP between `fxpd` and each daemon, with every setting it has for that.
//!
//! lftp has a ladder of its own: what fails is tried again with the other end passive, then with the other
//! end as TLS client, then both, then in clear, then through lftp itself. The last two are forbidden here
//! (`ftp:ssl-force`, `ftp:fxp-force`), so a copy that succeeds is one between the servers. The tables say
//! how often lftp had to turn the ends round, and which command made one of them the TLS client.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use fxp_testkit::daemon::Product::{self, Fxpd, Proftpd, Pureftpd, Pyftpdlib, Vsftpd};
use fxp_testkit::daemon::Setup;
use fxp_testkit::{demand, lftp};

use crate::pairs::Pair;

/// One end of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Source,
    Destination,
}
use End::{Destination, Source};

/// What makes an end the TLS client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Clear,
    Cpsv,
    Sscn,
}
use Method::{Clear, Cpsv, Sscn};

/// What comes of a row of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The file arrives after so many turns of lftp's ladder.
    Copied(usize, Method),
    /// It arrives, or lftp gives up or hangs; nothing is called done that is not.
    Shaky,
    /// lftp gives up, and no file is left.
    Refused,
}
use Outcome::{Copied, Refused, Shaky};

/// Source, destination, the end that lftp makes passive first, the end that it makes TLS client first.
type Row = (Product, Product, End, Option<End>, Outcome);

/// Without TLS: whichever end listens, it works at once.
const IN_CLEAR: &[Row] = &[
    (Fxpd, Fxpd, Source, None, Copied(0, Clear)),
    (Fxpd, Fxpd, Destination, None, Copied(0, Clear)),
    (Proftpd, Fxpd, Source, None, Copied(0, Clear)),
    (Proftpd, Fxpd, Destination, None, Copied(0, Clear)),
    (Fxpd, Proftpd, Source, None, Copied(0, Clear)),
    (Fxpd, Proftpd, Destination, None, Copied(0, Clear)),
    (Vsftpd, Fxpd, Source, None, Copied(0, Clear)),
    (Vsftpd, Fxpd, Destination, None, Copied(0, Clear)),
    (Fxpd, Vsftpd, Source, None, Copied(0, Clear)),
    (Fxpd, Vsftpd, Destination, None, Copied(0, Clear)),
    (Pureftpd, Fxpd, Source, None, Copied(0, Clear)),
    (Pureftpd, Fxpd, Destination, None, Copied(0, Clear)),
    (Fxpd, Pureftpd, Source, None, Copied(0, Clear)),
    (Fxpd, Pureftpd, Destination, None, Copied(0, Clear)),
    (Pyftpdlib, Fxpd, Destination, None, Shaky),
    (Pyftpdlib, Fxpd, Source, None, Copied(0, Clear)),
    // pyftpdlib times out now and then where it has to connect.
    (Fxpd, Pyftpdlib, Source, None, Shaky),
    (Fxpd, Pyftpdlib, Destination, None, Copied(0, Clear)),
];

/// Where both ends can be TLS client, lftp gets its wish. CPSV is for a passive end that has it, SSCN for
/// an active one, and for ProFTPD, which has no CPSV.
const BOTH_CAN: &[Row] = &[
    (Fxpd, Fxpd, Source, Some(Source), Copied(0, Cpsv)),
    (Fxpd, Fxpd, Source, Some(Destination), Copied(0, Sscn)),
    (Fxpd, Fxpd, Destination, Some(Source), Copied(0, Sscn)),
    (Fxpd, Fxpd, Destination, Some(Destination), Copied(0, Cpsv)),
    (Proftpd, Fxpd, Source, Some(Source), Copied(0, Sscn)),
    (Proftpd, Fxpd, Source, Some(Destination), Copied(0, Sscn)),
    (Proftpd, Fxpd, Destination, Some(Source), Copied(0, Sscn)),
    (Proftpd, Fxpd, Destination, Some(Destination), Copied(0, Cpsv)),
    (Fxpd, Proftpd, Source, Some(Source), Copied(0, Cpsv)),
    (Fxpd, Proftpd, Source, Some(Destination), Copied(0, Sscn)),
    (Fxpd, Proftpd, Destination, Some(Source), Copied(0, Sscn)),
    (Fxpd, Proftpd, Destination, Some(Destination), Copied(0, Sscn)),
];

/// vsftpd and Pure-FTPD are TLS servers only. Where lftp wants them to be TLS client it fails once (a `500`
/// to CPSV, or two TLS servers that wait for each other until one gives up) and turns the ends round.
const ONE_CAN: &[Row] = &[
    (Vsftpd, Fxpd, Source, Some(Source), Copied(1, Cpsv)),
    (Vsftpd, Fxpd, Source, Some(Destination), Copied(0, Sscn)),
    (Vsftpd, Fxpd, Destination, Some(Source), Copied(1, Sscn)),
    (Vsftpd, Fxpd, Destination, Some(Destination), Copied(0, Cpsv)),
    (Fxpd, Vsftpd, Source, Some(Source), Copied(0, Cpsv)),
    (Fxpd, Vsftpd, Source, Some(Destination), Copied(1, Sscn)),
    (Fxpd, Vsftpd, Destination, Some(Source), Copied(0, Sscn)),
    (Fxpd, Vsftpd, Destination, Some(Destination), Copied(1, Cpsv)),
    (Pureftpd, Fxpd, Source, Some(Source), Copied(1, Cpsv)),
    (Pureftpd, Fxpd, Source, Some(Destination), Copied(0, Sscn)),
    (Pureftpd, Fxpd, Destination, Some(Source), Copied(1, Sscn)),
    (Pureftpd, Fxpd, Destination, Some(Destination), Copied(0, Cpsv)),
    (Fxpd, Pureftpd, Source, Some(Source), Copied(0, Cpsv)),
    (Fxpd, Pureftpd, Source, Some(Destination), Copied(1, Sscn)),
    (Fxpd, Pureftpd, Destination, Some(Source), Copied(0, Sscn)),
    (Fxpd, Pureftpd, Destination, Some(Destination), Copied(1, Cpsv)),
];

/// pyftpdlib is a TLS server only, too. When lftp turns the ends round it sends RETR before PORT; pyftpdlib
/// answers `150` to a RETR without a data connection, and lftp waits for ever. And where pyftpdlib has to
/// connect, it does so at PORT, and resets a finished connection now and then.
const WITH_PYFTPDLIB: &[Row] = &[
    (Pyftpdlib, Fxpd, Source, Some(Source), Shaky),
    (Pyftpdlib, Fxpd, Source, Some(Destination), Copied(0, Sscn)),
    (Pyftpdlib, Fxpd, Destination, Some(Source), Shaky),
    (Pyftpdlib, Fxpd, Destination, Some(Destination), Shaky),
    (Fxpd, Pyftpdlib, Source, Some(Source), Shaky),
    (Fxpd, Pyftpdlib, Source, Some(Destination), Shaky),
    (Fxpd, Pyftpdlib, Destination, Some(Source), Copied(0, Sscn)),
    (Fxpd, Pyftpdlib, Destination, Some(Destination), Shaky),
];

/// An `fxpd` without a rule has no transfers with other servers, whoever asks.
const WITHOUT_A_RULE: &[Row] = &[
    (Fxpd, Fxpd, Source, None, Refused),
    (Fxpd, Fxpd, Destination, None, Refused),
    (Fxpd, Fxpd, Source, Some(Source), Refused),
    (Fxpd, Fxpd, Destination, Some(Destination), Refused),
];

/// Longer than any copy here takes with all its turns; lftp's hangs end here.
const LIMIT: Duration = Duration::from_secs(25);
/// The same for rows in which lftp may hang.
const SHAKY_LIMIT: Duration = Duration::from_secs(10);

/// Runs `rows`, and says all that came out otherwise.
fn check(rows: &[Row], fxp: bool) {
    let test = "lftp drives fxpd";
    let Some(()) = demand::demand(test, lftp::available()) else { return };
    let mut wrong = String::new();
    // Rows about the same two servers stand together, and share them.
    for group in
        rows.chunk_by(|one, other| (one.0, one.1, one.3.is_some()) == (other.0, other.1, other.3.is_some()))
    {
        let (source, destination, _, tls_client, _) = group[0];
        let setup = Setup { fxp, ..if tls_client.is_some() { Setup::TLS } else { Setup::PLAIN } };
        let Some(pair) = Pair::start(test, source, destination, setup) else { return };
        for row in group {
            let (outcome, said) = observe(&pair, row);
            if outcome != row.4 && row.4 != Shaky {
                wrong += &format!("{row:?} came out as {outcome:?}\n{said}\n");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// One copy, and what came of it; whatever it is, nothing false may be called done.
fn observe(pair: &Pair, &(_, _, passive, tls_client, expected): &Row) -> (Outcome, String) {
    let name = format!("copy-{passive:?}-{tls_client:?}");
    let (from, to) = (pair.source.lftp_url("file"), pair.destination.lftp_url(&name));
    let script = format!("{} debug 5; get {from} -o {to}; bye", settings(passive, tls_client));
    let limit = if expected == Shaky { SHAKY_LIMIT } else { LIMIT };
    let output = lftp::run(&script, limit).expect("lftp runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("PROT C"), "{} in clear:\n{said}", pair.names());
    assert_nothing_through_lftp(pair, &said);

    if output.status.success() {
        pair.assert_copied(&name);
        return (copied(&said), said);
    }
    let left = pair.destination.root.join(&name);
    match left.exists() {
        false => (Refused, said),
        // A part that nobody called done. `bytes transferred` is how fxpd says 226.
        true => {
            let complete = pair.is_copied(&name);
            let fxpd_is_wrong = pair.destination.product == Fxpd && said.contains("bytes transferred");
            assert!(complete || !fxpd_is_wrong, "{}: 226 for a part:\n{said}", pair.names());
            (Shaky, said)
        }
    }
}

/// lftp's words for a row.
fn settings(passive: End, tls_client: Option<End>) -> String {
    let tls = match tls_client {
        None => "set ftp:ssl-allow no;".to_owned(),
        Some(end) => format!(
            "set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set ftp:ssl-protect-fxp yes; \
             set ftp:fxp-passive-sscn {};",
            end == passive
        ),
    };
    format!("{tls} set ftp:fxp-passive-source {};", passive == Source)
}

/// How lftp did it, from its log.
fn copied(said: &str) -> Outcome {
    // It says so each time it turns something round.
    let turn = "**** FXP: trying";
    let turns = said.matches(turn).count();
    let last = said.rsplit(turn).next().unwrap_or_default();
    let method = if last.contains("---> CPSV") {
        Cpsv
    } else if last.contains("---> SSCN ON") {
        Sscn
    } else {
        Clear
    };
    Copied(turns, method)
}

/// The meters of those servers that have one know nothing of lftp's address.
fn assert_nothing_through_lftp(pair: &Pair, said: &str) {
    for meter in [&pair.source, &pair.destination].iter().filter_map(|daemon| daemon.meter()) {
        let moved = meter.snapshot();
        let lftp = IpAddr::from(Ipv4Addr::LOCALHOST);
        assert!(!moved.contains_key(&lftp), "{}: {moved:?}\n{said}", pair.names());
    }
}

#[test]
fn in_clear() {
    check(IN_CLEAR, true);
}

#[test]
fn inside_tls_where_both_ends_can_be_tls_client() {
    check(BOTH_CAN, true);
}

#[test]
fn inside_tls_where_only_fxpd_can_be_tls_client() {
    check(ONE_CAN, true);
}

#[test]
fn inside_tls_from_pyftpdlib() {
    let (from, _): (Vec<Row>, Vec<Row>) = WITH_PYFTPDLIB.iter().partition(|row| row.0 == Pyftpdlib);
    check(&from, true);
}

#[test]
fn inside_tls_to_pyftpdlib() {
    let (to, _): (Vec<Row>, Vec<Row>) = WITH_PYFTPDLIB.iter().partition(|row| row.1 == Pyftpdlib);
    check(&to, true);
}

#[test]
fn not_without_a_rule() {
    check(WITHOUT_A_RULE, false);
}
