//! THE TABLE: one row per command, and everything that is decided by the verb alone.
//!
//! `docs/commands.md` and FEAT are made from it. To add a command: a row here, a function in one
//! file of `server/cmd/`, a transcript.

/// What stands behind the verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// Nothing may follow.
    None,
    /// May be left out; the string is the syntax for HELP.
    Optional(&'static str),
    /// Must be there; the string is the syntax for HELP.
    Required(&'static str),
}

/// When the command is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At any time.
    Always,
    /// Before a login only (`503` after it).
    BeforeLogin,
    /// After a login only (`530` before it).
    LoggedIn,
}

/// What the command does with a data connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// Nothing.
    None,
    /// Prepares one (`PASV`, `PORT` and their kin).
    Address,
    /// The server sends a file.
    Send,
    /// The server receives a file.
    Receive,
    /// The server sends a listing; always to the control peer, always as TLS server.
    Listing,
}

/// What `fxpd` does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// Served.
    Yes,
    /// Known and understood, but deliberately refused with this reply code.
    Refused(u16),
    /// Superfluous: acknowledged with `202`.
    Superfluous,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The command.
    pub verb: Verb,
    /// As it is written on the wire, upper case; children of SITE as `SITE CHMOD`.
    pub name: &'static str,
    /// What follows.
    pub argument: Argument,
    /// When it is allowed.
    pub when: When,
    /// What it does with a data connection.
    pub data: Data,
    /// Where it is defined.
    pub rfc: &'static str,
    /// Its line in FEAT, if it has one (some servers of ours leave lines out; see `server::cmd::info`).
    pub feat: Option<&'static str>,
    /// What `fxpd` does with it.
    pub served: Served,
    /// One line for HELP and `docs/commands.md`.
    pub summary: &'static str,
}

macro_rules! table {
    ($( $verb:ident $name:literal $argument:expr, $when:ident, $data:ident, $rfc:literal, $feat:expr, $served:expr, $summary:literal; )*) => {
        /// Every command of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Verb { $( #[doc = $summary] $verb, )* }

        /// The table, in the order of `docs/commands.md`.
        pub const TABLE: &[Row] = &[ $( Row {
            verb: Verb::$verb, name: $name, argument: $argument, when: When::$when, data: Data::$data,
            rfc: $rfc, feat: $feat, served: $served, summary: $summary,
        }, )* ];
    };
}

use Argument::{None as NoArg, Optional as Opt, Required as Req};
use Served::{Refused, Superfluous, Yes};

table! {
    // Access control.
    User "USER" Req("name"), Always, None, "RFC 959", None, Yes, "Names the user.";
    Pass "PASS" Opt("password"), Always, None, "RFC 959", None, Yes, "Gives the password.";
    Acct "ACCT" Req("account"), Always, None, "RFC 959", None, Superfluous, "Gives an account; never needed.";
    Cwd "CWD" Req("path"), LoggedIn, None, "RFC 959", None, Yes, "Changes the working directory.";
    Cdup "CDUP" NoArg, LoggedIn, None, "RFC 959", None, Yes, "Goes to the parent directory.";
    Smnt "SMNT" Req("path"), LoggedIn, None, "RFC 959", None, Refused(502), "Mounts a file system.";
    Rein "REIN" NoArg, Always, None, "RFC 959", None, Yes, "Forgets the user; the connection stays.";
    Quit "QUIT" NoArg, Always, None, "RFC 959", None, Yes, "Ends the session.";
    Host "HOST" Req("name"), BeforeLogin, None, "RFC 7151", Some("HOST"), Yes, "Names the virtual host.";
    Clnt "CLNT" Req("name"), Always, None, "in use", Some("CLNT"), Yes, "Names the client software.";
    Csid "CSID" Req("Name=..; Version=..;"), Always, None, "in use", Some("CSID"), Yes, "Exchanges names of client and server software.";
    // Security.
    Auth "AUTH" Req("TLS"), Always, None, "RFC 2228, RFC 4217", Some("AUTH TLS"), Yes, "Starts TLS on the control connection.";
    Adat "ADAT" Req("data"), Always, None, "RFC 2228", None, Refused(502), "Carries security data.";
    Pbsz "PBSZ" Req("0"), Always, None, "RFC 2228, RFC 4217", Some("PBSZ"), Yes, "Sets the protection buffer size.";
    Prot "PROT" Req("C|P"), Always, None, "RFC 2228, RFC 4217", Some("PROT"), Yes, "Sets the protection of data connections.";
    Ccc "CCC" NoArg, Always, None, "RFC 2228", None, Refused(534), "Ends TLS on the control connection; refused, it would give the session away.";
    Mic "MIC" Req("message"), Always, None, "RFC 2228", None, Refused(502), "Integrity-protected command.";
    Conf "CONF" Req("message"), Always, None, "RFC 2228", None, Refused(502), "Confidentiality-protected command.";
    Enc "ENC" Req("message"), Always, None, "RFC 2228", None, Refused(502), "Privacy-protected command.";
    Sscn "SSCN" Opt("ON|OFF"), LoggedIn, None, "RaidenFTPD 2003", Some("SSCN"), Yes, "Chooses the TLS role on data connections.";
    Peer "PEER" Req("KEY key|EXPECT SHA-256=hex[,..] [FROM=address[,..]]|OFF"), LoggedIn, None, "docs/spec/peer.md", Some("PEER KEY;EXPECT"), Yes, "Says what the other server must prove on data connections.";
    Ccsn "CCSN" Opt("ON|OFF"), LoggedIn, None, "in use", None, Yes, "The older name of SSCN.";
    // Transfer parameters.
    Type "TYPE" Req("A|I|L 8"), Always, None, "RFC 959", None, Yes, "Sets the representation type.";
    Mode "MODE" Req("S"), Always, None, "RFC 959", None, Yes, "Sets the transfer mode; only stream.";
    Stru "STRU" Req("F"), Always, None, "RFC 959", None, Yes, "Sets the file structure; only file.";
    Port "PORT" Req("h1,h2,h3,h4,p1,p2"), LoggedIn, Address, "RFC 959", None, Yes, "Names the address to connect to.";
    Pasv "PASV" NoArg, LoggedIn, Address, "RFC 959", None, Yes, "Listens for a data connection.";
    Eprt "EPRT" Req("|family|address|port|"), LoggedIn, Address, "RFC 2428", Some("EPRT"), Yes, "Names the address to connect to, IPv6 too.";
    Epsv "EPSV" Opt("1|2|ALL"), LoggedIn, Address, "RFC 2428", Some("EPSV"), Yes, "Listens for a data connection, IPv6 too.";
    Lprt "LPRT" Req("6,16,.."), LoggedIn, Address, "RFC 1639", None, Refused(502), "Long address; EPRT replaces it.";
    Lpsv "LPSV" NoArg, LoggedIn, Address, "RFC 1639", None, Refused(502), "Long passive; EPSV replaces it.";
    Cpsv "CPSV" NoArg, LoggedIn, Address, "in use", Some("CPSV"), Yes, "PASV as TLS client.";
    Cepr "CEPR" Req("ON|OFF"), Always, None, "in use", Some("CEPR"), Yes, "Makes EPSV answer with an address.";
    Pret "PRET" Req("command"), LoggedIn, None, "in use", None, Yes, "Announces the transfer that will follow PASV.";
    // Transfers.
    Retr "RETR" Req("path"), LoggedIn, Send, "RFC 959", None, Yes, "Sends a file.";
    Stor "STOR" Req("path"), LoggedIn, Receive, "RFC 959", None, Yes, "Receives a file.";
    Stou "STOU" Opt("path"), LoggedIn, Receive, "RFC 959, RFC 1123", None, Yes, "Receives a file under a unique name.";
    Appe "APPE" Req("path"), LoggedIn, Receive, "RFC 959", None, Yes, "Receives a file, appending.";
    Rest "REST" Req("offset"), LoggedIn, None, "RFC 959, RFC 3659", Some("REST STREAM"), Yes, "Sets the offset of the next transfer.";
    Rang "RANG" Req("start end"), LoggedIn, None, "draft-bryan-ftp-range", Some("RANG STREAM"), Yes, "Sets the byte range of the next transfer.";
    Rate "RATE" Req("bytes-per-second [group]|0"), LoggedIn, None, "docs/spec/rate.md", Some("RATE"), Yes, "Limits the speed of the file transfers that follow.";
    Allo "ALLO" Req("size"), LoggedIn, None, "RFC 959", None, Yes, "Asks whether there is room.";
    Abor "ABOR" NoArg, Always, None, "RFC 959", None, Yes, "Aborts the transfer.";
    // Listings.
    List "LIST" Opt("path"), LoggedIn, Listing, "RFC 959", None, Yes, "Lists for people.";
    Nlst "NLST" Opt("path"), LoggedIn, Listing, "RFC 959", None, Yes, "Lists names.";
    Mlsd "MLSD" Opt("path"), LoggedIn, Listing, "RFC 3659", None, Yes, "Lists for machines.";
    Mlsc "MLSC" Opt("path"), LoggedIn, None, "in use (GridFTP)", Some("MLSC"), Yes, "Lists for machines over the control connection.";
    Mlst "MLST" Opt("path"), LoggedIn, None, "RFC 3659", Some("MLST"), Yes, "Describes one file for machines.";
    Stat "STAT" Opt("path"), Always, None, "RFC 959", None, Yes, "Tells the state, or lists over the control connection.";
    // Files.
    Rnfr "RNFR" Req("path"), LoggedIn, None, "RFC 959", None, Yes, "Names the file to rename.";
    Rnto "RNTO" Req("path"), LoggedIn, None, "RFC 959", None, Yes, "Gives it its new name.";
    Dele "DELE" Req("path"), LoggedIn, None, "RFC 959", None, Yes, "Deletes a file.";
    Rmd "RMD" Req("path"), LoggedIn, None, "RFC 959", None, Yes, "Removes an empty directory.";
    Mkd "MKD" Req("path"), LoggedIn, None, "RFC 959", None, Yes, "Makes a directory.";
    Pwd "PWD" NoArg, LoggedIn, None, "RFC 959", None, Yes, "Tells the working directory.";
    Size "SIZE" Req("path"), LoggedIn, None, "RFC 3659", Some("SIZE"), Yes, "Tells the size of a file.";
    Mdtm "MDTM" Req("[time] path"), LoggedIn, None, "RFC 3659", Some("MDTM"), Yes, "Tells, or in the two-word form sets, the modification time.";
    Mfmt "MFMT" Req("time path"), LoggedIn, None, "draft-somers-ftp-mfxx", Some("MFMT"), Yes, "Sets the modification time.";
    Mfct "MFCT" Req("time path"), LoggedIn, None, "draft-somers-ftp-mfxx", None, Refused(504), "Sets the creation time.";
    Mff "MFF" Req("fact=value;.. path"), LoggedIn, None, "draft-somers-ftp-mfxx", Some("MFF modify;UNIX.mode;"), Yes, "Sets facts of a file.";
    Avbl "AVBL" Opt("path"), LoggedIn, None, "draft-peterson-streamlined-ftp-command-extensions", Some("AVBL"), Yes, "Tells how much room there is.";
    Comb "COMB" Req("target part.."), LoggedIn, None, "in use", Some("COMB"), Yes, "Joins parts into one file.";
    // Digests.
    Hash "HASH" Req("path"), LoggedIn, None, "draft-bryan-ftpext-hash", Some("HASH"), Yes, "Digest of a file, or of RANG's range.";
    Xcrc "XCRC" Req("path [start [end]]"), LoggedIn, None, "in use", Some("XCRC"), Yes, "CRC-32 of a file.";
    Xmd5 "XMD5" Req("path [start [end]]"), LoggedIn, None, "in use", Some("XMD5"), Yes, "MD5 of a file.";
    Xsha "XSHA" Req("path [start [end]]"), LoggedIn, None, "in use", None, Yes, "SHA-1 of a file.";
    Xsha1 "XSHA1" Req("path [start [end]]"), LoggedIn, None, "in use", Some("XSHA1"), Yes, "SHA-1 of a file.";
    Xsha256 "XSHA256" Req("path [start [end]]"), LoggedIn, None, "in use", Some("XSHA256"), Yes, "SHA-256 of a file.";
    Xsha512 "XSHA512" Req("path [start [end]]"), LoggedIn, None, "in use", Some("XSHA512"), Yes, "SHA-512 of a file.";
    Md5 "MD5" Req("path"), LoggedIn, None, "draft-twine-ftpmd5", Some("MD5"), Yes, "MD5 of a file.";
    Mmd5 "MMD5" Req("path,path.."), LoggedIn, None, "draft-twine-ftpmd5", None, Yes, "MD5 of several files.";
    // Information.
    Syst "SYST" NoArg, Always, None, "RFC 959", None, Yes, "Tells the system type.";
    Feat "FEAT" NoArg, Always, None, "RFC 2389", None, Yes, "Lists the features.";
    Opts "OPTS" Req("command options"), Always, None, "RFC 2389", None, Yes, "Sets options of a command.";
    Help "HELP" Opt("command"), Always, None, "RFC 959", None, Yes, "Explains.";
    Noop "NOOP" NoArg, Always, None, "RFC 959", None, Yes, "Does nothing.";
    Lang "LANG" Opt("tag"), Always, None, "RFC 2640", Some("LANG EN*"), Yes, "Chooses the language of replies.";
    // RFC 1123's old names.
    Xcwd "XCWD" Req("path"), LoggedIn, None, "RFC 775, RFC 1123", None, Yes, "CWD.";
    Xcup "XCUP" NoArg, LoggedIn, None, "RFC 775, RFC 1123", None, Yes, "CDUP.";
    Xmkd "XMKD" Req("path"), LoggedIn, None, "RFC 775, RFC 1123", None, Yes, "MKD.";
    Xrmd "XRMD" Req("path"), LoggedIn, None, "RFC 775, RFC 1123", None, Yes, "RMD.";
    Xpwd "XPWD" NoArg, LoggedIn, None, "RFC 775, RFC 1123", None, Yes, "PWD.";
    // SITE and its children.
    Site "SITE" Req("command"), LoggedIn, None, "RFC 959", None, Yes, "Commands of this server.";
    SiteHelp "SITE HELP" Opt("command"), LoggedIn, None, "RFC 959", None, Yes, "Lists the SITE commands.";
    SiteChmod "SITE CHMOD" Req("mode path"), LoggedIn, None, "in use", Some("SITE CHMOD"), Yes, "Sets the permission bits.";
    SiteUtime "SITE UTIME" Req("time path | path atime mtime ctime UTC"), LoggedIn, None, "in use", Some("SITE UTIME"), Yes, "Sets the times.";
    SiteSymlink "SITE SYMLINK" Req("target link"), LoggedIn, None, "in use", Some("SITE SYMLINK"), Yes, "Makes a symbolic link.";
}

impl Verb {
    /// The row.
    pub fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The verb that stands at the beginning of a line; case does not matter.
    pub fn parse(word: &[u8]) -> Option<Verb> {
        find(&INDEX, word)
    }

    /// The verb of a word that follows SITE; case does not matter.
    pub fn parse_site(word: &[u8]) -> Option<Verb> {
        find(&SITE_INDEX, word)
    }

    /// True for a child of SITE.
    pub fn is_site(self) -> bool {
        site_child(self.name().as_bytes()).is_some()
    }
}

fn find(index: &[(u64, Verb)], word: &[u8]) -> Option<Verb> {
    let key = key(word)?;
    let at = index.binary_search_by_key(&key, |entry| entry.0).ok()?;
    Some(index[at].1)
}

const SITE_CHILDREN: usize = count_site_children();
const INDEX: [(u64, Verb); TABLE.len() - SITE_CHILDREN] = index(false);
const SITE_INDEX: [(u64, Verb); SITE_CHILDREN] = index(true);

/// A word of up to eight bytes as one number, in upper case: one comparison instead of many.
const fn key(word: &[u8]) -> Option<u64> {
    if word.is_empty() || word.len() > 8 {
        return None;
    }
    let mut key = 0;
    let mut at = 0;
    while at < word.len() {
        if word[at] == 0 {
            return None;
        }
        key = key << 8 | word[at].to_ascii_uppercase() as u64;
        at += 1;
    }
    Some(key)
}

/// What follows `SITE ` in a name of the table.
const fn site_child(name: &[u8]) -> Option<&[u8]> {
    match name {
        [b'S', b'I', b'T', b'E', b' ', child @ ..] => Some(child),
        _ => None,
    }
}

const fn count_site_children() -> usize {
    let mut count = 0;
    let mut at = 0;
    while at < TABLE.len() {
        count += site_child(TABLE[at].name.as_bytes()).is_some() as usize;
        at += 1;
    }
    count
}

/// The verbs by their key, sorted while the program is compiled.
const fn index<const N: usize>(site: bool) -> [(u64, Verb); N] {
    let mut index = [(0, TABLE[0].verb); N];
    let mut length = 0;
    let mut at = 0;
    while at < TABLE.len() {
        let name = TABLE[at].name.as_bytes();
        let word = match site_child(name) {
            Some(child) if site => Some(child),
            None if !site => Some(name),
            _ => None,
        };
        if let Some(word) = word {
            let key = key(word).expect("a verb has one to eight letters");
            let mut to = length;
            while to > 0 && index[to - 1].0 > key {
                index[to] = index[to - 1];
                to -= 1;
            }
            index[to] = (key, TABLE[at].verb);
            length += 1;
        }
        at += 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_name() {
        for (position, row) in TABLE.iter().enumerate() {
            assert_eq!(row.verb as usize, position, "{}", row.name);
            assert_eq!(row.name, row.name.to_ascii_uppercase());
            let find = |name: &str| match name.split_once(' ') {
                Some((_, child)) => Verb::parse_site(child.as_bytes()),
                None => Verb::parse(name.as_bytes()),
            };
            assert_eq!(find(row.name), Some(row.verb), "{}", row.name);
            assert_eq!(find(&row.name.to_ascii_lowercase()), Some(row.verb), "{}", row.name);
        }
    }

    #[test]
    fn what_is_no_verb_is_not_found() {
        for word in ["", "X", "NOOPX", "NOO", "NOOP ", "XSHA256789", "CHMOD", "SITE CHMOD", "\0NOOP"] {
            assert_eq!(Verb::parse(word.as_bytes()), None, "{word:?}");
        }
        assert_eq!(Verb::parse_site(b"NOOP"), None);
    }

    #[test]
    fn numbers_of_refusals_are_codes() {
        for row in TABLE {
            if let Refused(code) = row.served {
                assert!((500..=536).contains(&code), "{}", row.name);
            }
        }
    }
}
