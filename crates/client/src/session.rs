//! A session: requests out, answers in.

use std::net::SocketAddr;

use fxp_net::tls::TlsInfo;
use fxp_proto::client::request::{Answer, LoggedIn, Request, RequestId};
use fxp_proto::grammar::params::DigestKind;
use fxp_proto::grammar::reply::Reply;
use fxp_proto::listing::{entry::Entry, time::FtpTime};
use fxp_proto::path::VPath;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The server said no.
    #[error("{command}: {}", reply_words(reply))]
    Refused {
        /// The command, secrets masked.
        command: String,
        /// The server's words.
        reply: Reply,
    },
    /// The control connection is gone.
    #[error("the control connection was lost during {during}")]
    Lost {
        /// The command that was running.
        during: String,
    },
    /// A reply never came.
    #[error("no reply to {during} in time")]
    TimedOut {
        /// The command.
        during: String,
    },
    /// The server answered something that makes no sense.
    #[error("{command}: cannot make sense of {}", reply_words(reply))]
    Nonsense {
        /// The command.
        command: String,
        /// The reply.
        reply: Reply,
    },
    /// The data connection.
    #[error("{during}: {error}")]
    Data {
        /// The command.
        during: String,
        /// What went wrong.
        #[source]
        error: fxp_net::data::DataError,
    },
    /// The data connection's TLS.
    #[error("{during}: {error}")]
    Tls {
        /// The command.
        during: String,
        /// What went wrong.
        #[source]
        error: fxp_net::tls::HandshakeError,
    },
}

fn reply_words(reply: &Reply) -> String {
    format!("{} {}", reply.code, reply.text())
}

/// What happens on a session, as a driver of several sessions sees it.
#[derive(Debug)]
pub enum SessionEvent {
    /// A preliminary reply.
    Preliminary(RequestId, Reply),
    /// A request ended.
    Done(RequestId, Answer),
    /// The control connection is gone.
    Lost,
}

/// A session that is logged in.
#[derive(Debug)]
pub struct Session {
    _private: (),
}

impl Session {
    /// What the login told: banner, features, home.
    pub fn facts(&self) -> &LoggedIn {
        todo!("client")
    }

    /// The server's end of the control connection.
    pub fn peer_addr(&self) -> SocketAddr {
        todo!("client")
    }

    /// TLS of the control connection.
    pub fn tls(&self) -> Option<&TlsInfo> {
        todo!("client")
    }

    /// False once the connection is lost or its replies are out of step.
    pub fn is_usable(&self) -> bool {
        todo!("client")
    }

    /// Queues a request; [`Session::event`] sends it and reports what comes of it.
    pub fn ask(&mut self, _request: Request) -> RequestId {
        todo!("client")
    }

    /// Sends what is queued and waits for the next event. Cancel-safe.
    pub async fn event(&mut self) -> SessionEvent {
        todo!("client")
    }

    /// Asks and waits for the end.
    ///
    /// # Errors
    ///
    /// Refused, lost, timed out.
    pub async fn run(&mut self, _request: Request) -> Result<Answer, SessionError> {
        todo!("client")
    }

    /// What is at `path`: MLST, else SIZE and MDTM, else CWD, else a line of the parent's listing.
    /// `None` if there is nothing.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn stat(&mut self, _path: &VPath) -> Result<Option<Entry>, SessionError> {
        todo!("client")
    }

    /// The directory's entries: MLSD, else LIST -a, else LIST; sorted by name.
    ///
    /// # Errors
    ///
    /// As [`Session::run`]; a file is `Refused`.
    pub async fn list(&mut self, _path: &VPath) -> Result<Vec<Entry>, SessionError> {
        todo!("client")
    }

    /// SIZE, `None` where the server says 550 or does not know the command.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn size(&mut self, _path: &VPath) -> Result<Option<u64>, SessionError> {
        todo!("client")
    }

    /// Sets the modification time by MFMT, MDTM or SITE UTIME, whichever works; remembers which. False if none does.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn set_time(&mut self, _path: &VPath, _time: FtpTime) -> Result<bool, SessionError> {
        todo!("client")
    }

    /// The digests this server offers, best first.
    pub fn digests(&self) -> Vec<DigestKind> {
        todo!("client")
    }

    /// A digest in lower-case hex, of the whole file or of its first `length` bytes.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn digest(
        &mut self,
        _kind: DigestKind,
        _path: &VPath,
        _length: Option<u64>,
    ) -> Result<String, SessionError> {
        todo!("client")
    }

    /// MKD; fine if the directory is there already.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn make_directory(&mut self, _path: &VPath) -> Result<(), SessionError> {
        todo!("client")
    }

    /// RMD.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn remove_directory(&mut self, _path: &VPath) -> Result<(), SessionError> {
        todo!("client")
    }

    /// DELE.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn delete(&mut self, _path: &VPath) -> Result<(), SessionError> {
        todo!("client")
    }

    /// RNFR, RNTO.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn rename(&mut self, _from: &VPath, _to: &VPath) -> Result<(), SessionError> {
        todo!("client")
    }

    /// QUIT, waits briefly for the reply, closes.
    pub async fn quit(self) {
        todo!("client")
    }
}
