//! Why a request failed.

use fxp_proto::client::request::{Answer, Request, Setting};
use fxp_proto::grammar::rate::RateLimit;
use fxp_proto::grammar::reply::Reply;
use fxp_proto::grammar::verb::Verb;

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
    /// TLS was demanded, and the server does not protect data. Nothing was sent.
    #[error("{during}: its data would travel in clear")]
    Unprotected {
        /// The command.
        during: String,
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

impl SessionError {
    /// The server's words, if it said no.
    pub fn refusal(&self) -> Option<&Reply> {
        match self {
            SessionError::Refused { reply, .. } => Some(reply),
            _ => None,
        }
    }

    /// True if the server does not know the command at all (500, 502).
    pub(crate) fn is_unknown(&self) -> bool {
        self.refusal().is_some_and(|reply| matches!(reply.code.number(), 500 | 502))
    }

    /// True if the server does not know the command, or not in this form (500, 502, 504). 501 is no such sign: pyftpdlib
    /// sends it for a directory that does not exist.
    pub(crate) fn is_unsupported(&self) -> bool {
        self.refusal().is_some_and(|reply| matches!(reply.code.number(), 500 | 502 | 504))
    }
}

/// An answer as a result; `during` names the request for messages.
pub(crate) fn result(answer: Answer, during: &str) -> Result<Answer, SessionError> {
    let during = || during.to_owned();
    match answer {
        Answer::Refused { command, reply } => Err(SessionError::Refused { command, reply }),
        Answer::Lost => Err(SessionError::Lost { during: during() }),
        Answer::TimedOut => Err(SessionError::TimedOut { during: during() }),
        answer => Ok(answer),
    }
}

/// What a request is called in messages; no secrets.
pub(crate) fn name_of(request: &Request) -> String {
    match request {
        Request::Login(_) => "the login".to_owned(),
        Request::Command(command) | Request::Transfer(command) => command.to_string(),
        Request::Set(Setting::Peer(Some(pin))) => format!("PEER EXPECT {pin}"),
        Request::Set(Setting::Peer(None)) => "PEER OFF".to_owned(),
        Request::Set(Setting::Rate(limit)) => format!("RATE {}", RateLimit::to_argument(limit.as_ref())),
        Request::Set(setting) => format!("{setting:?}"),
        // Its key is nobody's business.
        Request::Introduce(_) => "PEER KEY".to_owned(),
        Request::Passive(passive) => format!("{passive:?}").to_uppercase(),
        Request::Active(address) => format!("PORT {address}"),
        Request::Restart(offset) => format!("REST {offset}"),
        Request::Abort => Verb::Abor.name().to_owned(),
        Request::Quit => Verb::Quit.name().to_owned(),
    }
}

fn reply_words(reply: &Reply) -> String {
    format!("{} {}", reply.code, reply.words())
}
