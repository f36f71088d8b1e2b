//! The data connection before its transfer: PASV and its kin listen, PORT and EPRT are told where to go.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use fxp_net::dial;
use fxp_proto::grammar::addr::{parse_eprt, parse_port};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::control::{Next, Session};
use super::{Announce, Cpsv, Epsv, PassiveReply, Pret};

/// What was prepared for the next transfer.
pub(super) enum Slot {
    /// Nothing.
    Empty,
    /// It listens; `client`: in the TLS client role of this one listener.
    Listening { listener: TcpListener, client: bool },
    /// To be connected to.
    Address(SocketAddr),
    /// Connected already.
    Connected(TcpStream),
}

impl Session {
    /// PASV and CPSV.
    pub(super) async fn pasv(&mut self, verb: &str) -> Next {
        let shared = self.shared.clone();
        let dialect = &shared.dialect;
        if verb == "CPSV" && dialect.cpsv == Cpsv::Unknown {
            return self.unknown(verb);
        }
        if let Some(words) = dialect.no_passive {
            return self.say(words);
        }
        if dialect.pret == Pret::Demanded && self.announced.is_none() {
            return self
                .say(&format!("500 You need to use a client supporting PRET (PRE Transfer) to use {verb}"));
        }
        let Some(port) = self.listen(verb == "CPSV").await else {
            return self.say("425 Unable to listen for data connection");
        };
        self.say(&passive_reply(dialect.passive, self.announced_address(), port))
    }

    /// EPSV.
    pub(super) async fn epsv(&mut self, argument: &str) -> Next {
        let shared = self.shared.clone();
        let dialect = &shared.dialect;
        if argument == "ALL" && dialect.epsv != Epsv::Extended {
            return self.say(dialect.epsv_all);
        }
        let (delimiter, full) = match dialect.epsv {
            Epsv::Unknown => return self.unknown("EPSV"),
            Epsv::Refused(words) => return self.say(words),
            Epsv::Delimiter(delimiter) => (delimiter, false),
            Epsv::Cepr => ('|', self.extended),
            Epsv::Extended => match argument {
                "" => ('|', self.extended),
                "EXTENDED" | "NORMAL" => {
                    self.extended = argument == "EXTENDED";
                    return self.say(&format!("200 Allow ({argument})."));
                }
                _ => return self.say("501 Wrong syntax"),
            },
        };
        let Some(port) = self.listen(false).await else {
            return self.say("425 Unable to listen for data connection");
        };
        let d = delimiter;
        let (family, address) = match self.data_ip() {
            ip if full => (if ip.is_ipv4() { "1" } else { "2" }, ip.to_string()),
            _ => ("", String::new()),
        };
        self.say(&format!("229 Entering Extended Passive Mode ({d}{family}{d}{address}{d}{port}{d})"))
    }

    /// PORT and EPRT.
    pub(super) async fn port(&mut self, verb: &str, argument: &str) -> Next {
        let parsed = match verb {
            "PORT" => parse_port(argument.as_bytes()).ok(),
            _ => parse_eprt(argument.as_bytes()).ok(),
        };
        let Some(address) = parsed else { return self.say(&format!("501 Illegal {verb} command")) };
        let shared = self.shared.clone();
        let dialect = &shared.dialect;
        let mut target = SocketAddr::new(address.ip, address.port.get());
        let client = self.control.peer_addr().ip();
        if dialect.port.rewrites && target.ip() != client {
            target.set_ip(client);
        }
        if let Some(words) = dialect.denial.at_port.filter(|_| self.forbids(target.ip())) {
            return self.say(words);
        }
        self.slot = Slot::Address(target);
        if dialect.port.connects_at_once {
            match self.connect(target).await {
                Ok(tcp) => self.slot = Slot::Connected(tcp),
                Err(error) => {
                    self.slot = Slot::Empty;
                    return self.say(&format!("425 Unable to open data connection: {error}"));
                }
            }
        }
        for line in dialect.port.comment {
            self.say(&format!("200-{line}"));
        }
        self.say(&format!("200 {verb} command successful"))
    }

    /// True if FXP is not allowed here and `ip` is not the client's.
    pub(super) fn forbids(&self, ip: IpAddr) -> bool {
        !self.shared.setup.fxp && ip.to_canonical() != self.control.peer_addr().ip()
    }

    /// Connects from where the file lives.
    pub(super) async fn connect(&self, target: SocketAddr) -> io::Result<TcpStream> {
        dial::data(Some(self.data_ip()), target, CONNECTING).await
    }

    async fn listen(&mut self, client: bool) -> Option<u16> {
        let listener = TcpListener::bind((self.data_ip(), 0)).await.ok()?;
        let port = listener.local_addr().ok()?.port();
        let mut own = false;
        if client {
            match self.shared.dialect.cpsv {
                Cpsv::Sticky => self.client_role = true,
                Cpsv::Armed => self.armed = true,
                Cpsv::OneListener | Cpsv::WipesSscn | Cpsv::Unknown => own = true,
            }
        }
        self.slot = Slot::Listening { listener, client: own };
        Some(port)
    }

    /// Where the data of the announced transfer is: files on the slave, listings on the master.
    fn data_ip(&self) -> IpAddr {
        match &self.announced {
            Some(announced) if announced.is_listing() => self.control.local_addr().ip(),
            _ => self.shared.data,
        }
    }

    fn announced_address(&self) -> Ipv4Addr {
        match (self.shared.dialect.announce, self.data_ip()) {
            (Announce::Wrong(octets), _) => octets.into(),
            (_, IpAddr::V4(ip)) => ip,
            (_, IpAddr::V6(_)) => Ipv4Addr::UNSPECIFIED,
        }
    }
}

/// Accepts, at most this long.
pub(super) async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    match timeout(ACCEPTING, listener.accept()).await {
        Ok(accepted) => accepted.map(|(tcp, _)| tcp),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

fn passive_reply(form: PassiveReply, address: Ipv4Addr, port: u16) -> String {
    let [a, b, c, d] = address.octets();
    let (high, low) = (port >> 8, port & 255);
    let numbers = format!("{a},{b},{c},{d},{high},{low}");
    match form {
        PassiveReply::Brackets => format!("227 Entering Passive Mode ({numbers})."),
        PassiveReply::Commented(comment) => {
            format!("227-{comment}\r\n227 Entering Passive Mode ({numbers}).")
        }
        PassiveReply::Bare => format!("227 Entering Passive Mode {numbers}"),
        PassiveReply::Terse => format!("227 ({numbers})"),
        PassiveReply::Equals => format!("227 Entering Passive Mode ={numbers}"),
        PassiveReply::Short => format!("227 Entering Passive Mode (1,{high},{low})"),
    }
}

/// Longest wait for somebody to connect.
const ACCEPTING: Duration = Duration::from_secs(20);

/// Longest wait for a connection of our own.
const CONNECTING: Duration = Duration::from_secs(10);
