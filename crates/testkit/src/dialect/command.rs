//! The commands, one function each, and where each dialect answers them otherwise.

use std::sync::atomic::Ordering::Relaxed;

use super::control::{Next, Session};
use super::listen::Slot;
use super::transfer::Announcement;
use super::{Cpsv, Labour, Login, Pret, ProtClear, files};
use crate::daemon::{PASSWORD, USER};

impl Session {
    /// The first reply.
    pub(super) fn greet(&mut self) {
        let greeting = self.shared.dialect.greeting;
        self.say(&format!("220 {greeting}"));
    }

    /// One command.
    pub(super) async fn hear(&mut self, line: &str) -> Next {
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        let verb = verb.to_ascii_uppercase();
        let shown = if verb == "PASS" { "PASS ****" } else { line };
        self.shared.note(self.number, '<', shown);
        if self.running.is_some() {
            return self.hear_in_transfer(&verb);
        }
        match verb.as_str() {
            "AUTH" => self.auth(argument),
            "USER" => self.name(argument),
            "PASS" => self.password(argument),
            "FEAT" => self.feat(),
            "QUIT" => {
                self.say("221 Goodbye");
                Next::HangUp
            }
            _ if !self.logged_in => self.say("530 Please log in with USER and PASS"),
            _ => self.hear_user(&verb, argument).await,
        }
    }

    /// Commands that want a login.
    async fn hear_user(&mut self, verb: &str, argument: &str) -> Next {
        match verb {
            "SYST" => self.say(&format!("215 {}", self.shared.dialect.system)),
            "NOOP" => self.say("200 OK"),
            "ABOR" => self.say(self.shared.dialect.aborted.last().unwrap_or(&"226 Nothing to abort")),
            "PBSZ" => self.pbsz(),
            "PROT" => self.prot(argument),
            "SSCN" | "CCSN" => self.sscn(verb, argument),
            "CEPR" if self.shared.dialect.epsv == super::Epsv::Cepr => {
                self.extended = argument.eq_ignore_ascii_case("ON");
                self.say("200 CEPR set")
            }
            "TYPE" => {
                self.image = argument.starts_with(['I', 'L']);
                self.say(&format!("200 Type set to {argument}"))
            }
            "REST" => self.rest(argument),
            "PRET" => self.pret(argument),
            "PASV" | "CPSV" => self.pasv(verb).await,
            "EPSV" => self.epsv(argument).await,
            "PORT" | "EPRT" => self.port(verb, argument).await,
            "MLSD" if !self.shared.dialect.facts => self.unknown(verb),
            "RETR" | "STOR" | "LIST" | "NLST" | "MLSD" => self.transfer(verb, argument).await,
            "XCRC" if self.shared.dialect.xcrc.is_some() => self.labour(argument).await,
            _ => self.hear_about_files(verb, argument),
        }
    }

    /// XCRC, with what comes in between.
    async fn labour(&mut self, argument: &str) -> Next {
        let Labour { takes, fails: (failures, words) } = self.shared.dialect.labour;
        tokio::time::sleep(takes).await;
        if self.shared.digests.fetch_add(1, Relaxed) >= failures {
            return self.xcrc(argument);
        }
        self.say(words);
        if words.starts_with("421") { Next::HangUp } else { Next::Stay }
    }

    /// Commands that need no data connection.
    fn hear_about_files(&mut self, verb: &str, argument: &str) -> Next {
        let shared = self.shared.clone();
        let words = &shared.dialect.words;
        let path = files::absolute(&self.inside, argument);
        let file = files::beneath(&shared.root, &path);
        match verb {
            "PWD" => {
                let shown = self.quoted(&self.inside);
                self.say(&format!("257 {shown} is the current directory"))
            }
            "CWD" if file.is_dir() => {
                self.inside = path;
                self.say(words.entered)
            }
            "CWD" => self.say(&format!("550 {argument}: No such directory")),
            "SIZE" => match (file.metadata(), shared.dialect.size_in_ascii.filter(|_| !self.image)) {
                (_, Some(words)) => self.say(words),
                (Ok(metadata), None) if metadata.is_file() => self.say(&format!("213 {}", metadata.len())),
                _ => self.say(&format!("550 {argument}: No such file")),
            },
            "MDTM" => match shared.dialect.times.told.map(|later| files::modified(&file, later)) {
                Some(Some(time)) => self.say(&format!("213 {time}")),
                Some(None) => self.say(&format!("550 {argument}: No such file")),
                None => self.unknown(verb),
            },
            "MFMT" if shared.dialect.times.set == Some("MFMT") => self.set_time(argument),
            "DELE" => match std::fs::remove_file(&file) {
                Ok(()) => self.say(words.deleted),
                Err(_) => self.say(&format!("550 {argument}: No such file")),
            },
            "MKD" if file.is_dir() => self.say(words.exists),
            "MKD" => match std::fs::create_dir(&file) {
                Ok(()) => self.say(&words.made.replace("{}", &self.quoted(&path))),
                Err(error) => self.say(&format!("550 {argument}: {error}")),
            },
            "RMD" => match std::fs::remove_dir(&file) {
                Ok(()) => self.say("250 Directory removed"),
                Err(error) => self.say(&format!("550 {argument}: {error}")),
            },
            "RNFR" if shared.dialect.renames && file.exists() => {
                self.rename_from = Some(path);
                self.say("350 Ready for RNTO")
            }
            "RNFR" if shared.dialect.renames => self.say(&format!("550 {argument}: No such file")),
            "RNTO" if shared.dialect.renames => self.rename_to(&path),
            "STAT" => self.stat(argument),
            "MLST" if shared.dialect.facts => match files::facts(&file) {
                Ok(facts) => self.say(&format!("250-Listing\r\n {facts} {path}\r\n250 End")),
                Err(error) => self.say(&format!("550 {argument}: {error}")),
            },
            _ => self.unknown(verb),
        }
    }

    fn auth(&mut self, argument: &str) -> Next {
        if self.shared.tls.is_none() {
            return self.say("502 TLS is not configured");
        }
        if !matches!(argument.to_ascii_uppercase().as_str(), "TLS" | "SSL") {
            return self.say("504 Only TLS and SSL");
        }
        // RFC 2228's old meaning of AUTH SSL: data is protected at once.
        self.private = argument.eq_ignore_ascii_case("SSL");
        self.say(&format!("234 AUTH {argument} successful"));
        Next::StartTls
    }

    fn name(&mut self, name: &str) -> Next {
        let login = self.shared.dialect.login;
        if let Login::TlsOnly(words) = login
            && !self.control.is_secure()
        {
            return self.say(words);
        }
        self.user = Some(name.to_owned());
        if login == Login::NameAlone {
            self.logged_in = true;
            return self.say("230 Welcome");
        }
        self.say(&format!("331 Password required for {name}"))
    }

    fn password(&mut self, password: &str) -> Next {
        let name = self.user.take().unwrap_or_default();
        match self.shared.dialect.login {
            Login::Full(words) => return self.say(words),
            Login::Kill(words) if !name.starts_with('!') => return self.say(words),
            _ => {}
        }
        self.logged_in = name.trim_start_matches('!') == USER && password == PASSWORD;
        match (self.logged_in, self.shared.dialect.login) {
            (false, _) => self.say("530 Login incorrect"),
            (true, Login::Verbose) => {
                self.say("230-Welcome to this server.\r\n230-226 files are here.\r\n 550 is no error here\r\n230 Logged in")
            }
            (true, _) => self.say(&format!("230 User {name} logged in")),
        }
    }

    fn feat(&mut self) -> Next {
        let features = self.shared.dialect.features;
        match features.early {
            Some(words) if !self.logged_in => return self.say(words),
            _ if features.unknown => return self.unknown("FEAT"),
            _ => {}
        }
        let inside = features.in_tls.iter().filter(|_| self.tls.is_some());
        let offered: Vec<&str> = features.list.iter().chain(inside).copied().collect();
        self.say("211-Extensions supported:");
        for feature in offered {
            self.say(&format!("{}{feature}", features.before));
        }
        self.say("211 End")
    }

    fn pbsz(&mut self) -> Next {
        self.buffer_size = true;
        self.say(self.shared.dialect.pbsz)
    }

    fn prot(&mut self, level: &str) -> Next {
        let dialect = &self.shared.dialect;
        if self.tls.is_none() {
            return self.say("503 PROT wants a protected control connection");
        }
        if dialect.prot_wants_pbsz && !self.buffer_size {
            return self.say("503 You must issue the PBSZ command prior to PROT");
        }
        match (level, dialect.prot_clear) {
            ("P", _) => self.private = true,
            ("C", ProtClear::Refused(words)) => return self.say(words),
            ("C", _) => self.private = false,
            _ => return self.say("536 Only C and P"),
        }
        self.say(&format!("200 PROT {level} OK"))
    }

    fn sscn(&mut self, verb: &str, argument: &str) -> Next {
        let Some(sscn) = self.shared.dialect.sscn.filter(|sscn| sscn.verb == verb) else {
            return self.unknown(verb);
        };
        if let Some(words) = sscn.wants_prot.filter(|_| !self.private) {
            return self.say(words);
        }
        let said = if sscn.case_sensitive { argument.to_owned() } else { argument.to_ascii_uppercase() };
        match (said.as_str(), sscn.bad) {
            ("ON", _) => self.client_role = true,
            // What CPSV has armed is none of its business.
            ("OFF", _) => self.client_role = false,
            ("", _) if sscn.bare_is_off => self.client_role = false,
            ("", _) | (_, None) => {}
            (_, Some(words)) => return self.say(words),
        }
        let role = if self.client_role { sscn.roles.0 } else { sscn.roles.1 };
        self.say(&format!("{} {role}", sscn.code))
    }

    fn rest(&mut self, argument: &str) -> Next {
        let rest = self.shared.dialect.rest;
        match argument.parse::<u64>() {
            Ok(offset) if offset <= rest.max => {
                self.restart = offset;
                self.say(&format!("{} Restarting at {offset}", rest.code))
            }
            Ok(_) => {
                self.restart = 0;
                self.say("554 Restart position is out of range")
            }
            Err(_) => self.say("501 Not a number"),
        }
    }

    fn pret(&mut self, argument: &str) -> Next {
        let dialect = &self.shared.dialect;
        if dialect.pret == Pret::Unknown {
            return self.unknown("PRET");
        }
        if dialect.pret == Pret::Idle {
            return self.say("200 Command okay");
        }
        (self.slot, self.restart, self.announced) = (Slot::Empty, 0, None);
        let (verb, name) = argument.split_once(' ').unwrap_or((argument, ""));
        let path = files::absolute(&self.inside, name);
        let file = files::beneath(&self.shared.root, &path);
        match verb.to_ascii_uppercase().as_str() {
            "RETR" if !file.is_file() => return self.say(&format!("550 {name}: No such file")),
            "STOR" if file.exists() && dialect.no_overwrite.is_some() => {
                return self.say(dialect.no_overwrite.unwrap_or_default());
            }
            "RETR" | "STOR" | "LIST" | "NLST" | "MLSD" => {}
            _ => return self.say("504 Command not implemented for that parameter"),
        }
        let announced = Announcement { verb: verb.to_ascii_uppercase(), path };
        let words = match announced.verb.as_str() {
            "RETR" => "200 OK, planning for upcoming download",
            "STOR" => "200 OK, planning for upcoming upload",
            _ => "200 OK, planning to use master for upcoming LIST transfer",
        };
        self.announced = Some(announced);
        self.say(words)
    }

    fn rename_to(&mut self, path: &str) -> Next {
        let Some(from) = self.rename_from.take() else { return self.say("503 RNFR first") };
        let [from, to] = [&from, path].map(|path| files::beneath(&self.shared.root, path));
        if to.exists() && self.shared.dialect.no_overwrite.is_some() {
            return self.say("550 Requested action not taken. File exists.");
        }
        match std::fs::rename(from, to) {
            Ok(()) => self.say("250 Renamed"),
            Err(error) => self.say(&format!("550 {error}")),
        }
    }

    /// `20260101000000 name`
    fn set_time(&mut self, argument: &str) -> Next {
        let (time, name) = argument.split_once(' ').unwrap_or((argument, ""));
        let file = files::beneath(&self.shared.root, &files::absolute(&self.inside, name));
        match files::set_modified(&file, time, self.shared.dialect.times.even) {
            Ok(()) => self.say(&format!("213 Modify={time}; {name}")),
            Err(error) => self.say(&format!("550 {name}: {error}")),
        }
    }

    fn stat(&mut self, argument: &str) -> Next {
        let Some(code) = self.shared.dialect.stat_list.filter(|_| argument.starts_with("-l")) else {
            return self.say("211 All is well");
        };
        let path = files::absolute(&self.inside, argument.split_once(' ').map_or("", |(_, path)| path));
        let later = self.shared.dialect.times.listed;
        let listing = files::listing(&files::beneath(&self.shared.root, &path), later).unwrap_or_default();
        self.say(&format!("{code}-Status of {path}:"));
        for line in listing.lines() {
            self.say(line);
        }
        self.say(&format!("{code} End"))
    }

    fn xcrc(&mut self, argument: &str) -> Next {
        let Some(form) = self.shared.dialect.xcrc else { return self.unknown("XCRC") };
        // `"name" [start end]`, or a bare name.
        let name = argument.strip_prefix('"').and_then(|rest| rest.rsplit_once('"'));
        let (name, range) = name.unwrap_or((argument, ""));
        let path = files::absolute(&self.inside, &name.replace("\"\"", "\""));
        let number = |word: &str| word.parse::<u64>().ok();
        let mut range = range.split_whitespace();
        let (start, end) = (range.next().and_then(number), range.next().and_then(number));
        match files::crc(&files::beneath(&self.shared.root, &path), start.unwrap_or(0), end) {
            Ok(crc) if form.trimmed => self.say(&form.reply.replace("{}", &format!("{crc:x}"))),
            Ok(crc) => self.say(&form.reply.replace("{}", &format!("{crc:08X}"))),
            Err(error) => self.say(&format!("550 {name}: {error}")),
        }
    }

    fn quoted(&self, path: &str) -> String {
        match self.shared.dialect.quotes {
            true => format!("\"{}\"", path.replace('"', "\"\"")),
            false => path.to_owned(),
        }
    }

    /// CPSV's role and SSCN's, for a transfer by `verb`; using an armed role disarms it.
    pub(super) fn take_role(&mut self, verb: &str, of_listener: bool) -> Role {
        let listing = matches!(verb, "LIST" | "NLST" | "MLSD");
        let client = !listing && (self.client_role || self.armed || of_listener);
        if !listing && self.private {
            self.armed = false;
        }
        if of_listener && self.shared.dialect.cpsv == Cpsv::WipesSscn {
            self.client_role = false;
        }
        if client { Role::Client } else { Role::Server }
    }
}

/// The role in the handshake of a data connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Sends the ClientHello.
    Client,
    /// Waits for it.
    Server,
}
