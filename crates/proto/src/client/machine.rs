//! The machine: one control connection seen from the client, the only owner of its reply accounting.

use super::request::{Answer, Request, RequestId};
use crate::grammar::command::Command;
use crate::grammar::reply::Reply;
use crate::moment::Moment;

/// What the driver has to do.
#[derive(Debug)]
pub enum Action {
    /// Send this command.
    Send(Command),
    /// Discard unread bytes and do the TLS handshake as client.
    StartTls,
    /// A 1yz reply to request `id`.
    Preliminary(RequestId, Reply),
    /// Request `id` ended.
    Done(RequestId, Answer),
    /// The connection is no longer usable; close it.
    Close,
}

/// One control connection seen from the client.
#[derive(Debug)]
pub struct Machine {
    _private: (),
}

impl Machine {
    /// A machine for a connection that was just opened.
    pub fn new(_now: Moment) -> Self {
        todo!("client machine")
    }

    /// Queues a request.
    pub fn ask(&mut self, _request: Request, _now: Moment) -> RequestId {
        todo!("client machine")
    }

    /// A whole reply arrived.
    pub fn reply(&mut self, _reply: Reply, _now: Moment) {
        todo!("client machine")
    }

    /// The handshake that `StartTls` asked for ended.
    pub fn tls(&mut self, _secured: bool, _now: Moment) {
        todo!("client machine")
    }

    /// The server closed the control connection.
    pub fn eof(&mut self) {
        todo!("client machine")
    }

    /// Time passed.
    pub fn tick(&mut self, _now: Moment) {
        todo!("client machine")
    }

    /// The next thing to do; drain it after every call above.
    pub fn next(&mut self) -> Option<Action> {
        todo!("client machine")
    }

    /// When `tick` wants to be called.
    pub fn wake_at(&self) -> Option<Moment> {
        todo!("client machine")
    }
}
