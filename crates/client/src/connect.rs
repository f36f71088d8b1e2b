//! From an address to a session that is logged in.

use std::time::Duration;

use fxp_net::control::Control;
use fxp_net::dial;
use fxp_net::meter::Meter;
use fxp_net::tls::{ClientSession, ClientTls, TlsInfo, trust::Trust};
use fxp_proto::client::manners::{Ceilings, Manners};
use fxp_proto::client::request::{Answer, Expected, LoggedIn, Login, LoginTls, Request};
use fxp_proto::grammar::params::Protection;
use fxp_proto::grammar::reply::Reply;
use fxp_proto::wire::{secret::Secret, text::Text};

use crate::driver::{Driver, Event, LINE_CEILING};
use crate::session::Session;
use crate::transcript::Recorder;

/// A server and how to get in.
#[derive(Clone)]
pub struct Target {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS on the control connection.
    pub tls: LoginTls,
    /// PROT for data connections once TLS is up.
    pub protection: Protection,
    /// Whom to trust.
    pub trust: Trust,
    /// User name.
    pub user: Text,
    /// Password.
    pub password: Secret,
    /// The login in one flight, for a server that is known to bear it.
    pub swift: Option<Expected>,
}

/// What all sessions of a process share.
#[derive(Clone)]
pub struct Environment {
    /// TLS.
    pub tls: ClientTls,
    /// Counts the bytes of files through this process; listings are not among them.
    pub meter: Meter,
    /// Ceiling for connecting, and for each reply.
    pub timeout: Duration,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name does not resolve, nobody answers.
    #[error("cannot connect to {host} port {port}: {error}")]
    Network {
        /// Host.
        host: String,
        /// Port.
        port: u16,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
    /// TLS was required and is not offered, or failed, or the certificate is not trusted.
    #[error("TLS with {host}: {error}")]
    Tls {
        /// Host.
        host: String,
        /// What went wrong.
        #[source]
        error: fxp_net::tls::HandshakeError,
    },
    /// The server refused a step of the login.
    #[error("{host} refused {command}: {}", reply.text())]
    Refused {
        /// Host.
        host: String,
        /// The command, secrets masked.
        command: String,
        /// The server's words.
        reply: Reply,
    },
    /// The server offers no TLS although it is required.
    #[error("{host} offers no TLS ({words})")]
    NoTls {
        /// Host.
        host: String,
        /// The server's words.
        words: String,
    },
    /// The connection ended, or a reply never came.
    #[error("{host} {what} during login")]
    Gone {
        /// Host.
        host: String,
        /// `closed the connection` or `did not answer`.
        what: &'static str,
    },
}

/// Connects and logs in.
///
/// # Errors
///
/// See [`ConnectError`].
pub async fn connect(
    target: &Target,
    environment: &Environment,
    recorder: Option<Recorder>,
) -> Result<Session, ConnectError> {
    let tcp = dial::control(&target.host, target.port, environment.timeout)
        .await
        .map_err(|error| target.unreachable(error))?;
    let control = Control::new(tcp, LINE_CEILING).map_err(|error| target.unreachable(error))?;
    let addresses = (control.peer_addr(), control.local_addr());
    let ceilings = Ceilings { reply: environment.timeout, ..Ceilings::default() };
    let manners = Manners { ceilings, ..Manners::default() };
    let mut driver = Driver::new(control, manners, recorder, environment.meter.clone());
    driver.note(&format!("connected to {}", addresses.0));
    let tls = environment.tls.session(&target.host, target.trust.clone());
    let (facts, info) = match log_in(&mut driver, target, &tls).await {
        Ok(done) => done,
        Err(error) => {
            // Whoever comes again at once, in clear, may be one too many for a server that still counts this one.
            if matches!(error, ConnectError::NoTls { .. }) {
                driver.leave().await;
            }
            return Err(error);
        }
    };
    let tls = info.map(|info| (tls, info));
    Ok(Session::new(driver, facts, addresses, tls, environment.meter.clone(), environment.timeout))
}

async fn log_in(
    driver: &mut Driver,
    target: &Target,
    tls: &ClientSession,
) -> Result<(LoggedIn, Option<TlsInfo>), ConnectError> {
    let login = driver.ask(Request::Login(Login {
        user: target.user.clone(),
        password: target.password.clone(),
        tls: target.tls,
        protection: target.protection,
        host: None,
        swift: target.swift,
    }));
    let mut info = None;
    loop {
        match driver.event().await {
            Event::StartTls => info = Some(secure(driver, target, tls).await?),
            Event::Done(id, Answer::LoggedIn(facts)) if id == login => return Ok((facts, info)),
            Event::Done(id, answer) if id == login => return Err(target.refusal(answer)),
            Event::Done(..) | Event::Preliminary(..) => {}
            Event::Closed => return Err(target.gone(CLOSED)),
        }
    }
}

/// The handshake of the control connection.
async fn secure(driver: &mut Driver, target: &Target, tls: &ClientSession) -> Result<TlsInfo, ConnectError> {
    let Some(control) = driver.control() else { return Err(target.gone(CLOSED)) };
    match control.secure_as_client(tls).await {
        Ok(info) => {
            driver.secured(true, &format!("{}, {}", info.version, info.cipher));
            Ok(info)
        }
        Err(error) => {
            driver.secured(false, &error.to_string());
            Err(ConnectError::Tls { host: target.host.clone(), error })
        }
    }
}

const CLOSED: &str = "closed the connection";

/// RFC 959: the reply to any command of a server that must shut down, or has too many sessions.
const SESSION_ENDS: u16 = 421;

impl Target {
    fn unreachable(&self, error: std::io::Error) -> ConnectError {
        ConnectError::Network { host: self.host.clone(), port: self.port, error }
    }

    fn gone(&self, what: &'static str) -> ConnectError {
        ConnectError::Gone { host: self.host.clone(), what }
    }

    /// Why there was no login.
    fn refusal(&self, answer: Answer) -> ConnectError {
        let host = self.host.clone();
        match answer {
            // Whoever ends the session says nothing about TLS.
            Answer::Refused { command, reply }
                if command.starts_with("AUTH ") && reply.code.number() != SESSION_ENDS =>
            {
                ConnectError::NoTls { host, words: format!("{command}: {} {}", reply.code, reply.text()) }
            }
            Answer::Refused { command, reply } => ConnectError::Refused { host, command, reply },
            Answer::TimedOut => self.gone("did not answer"),
            _ => self.gone(CLOSED),
        }
    }
}
