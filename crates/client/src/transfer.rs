//! Two-party transfers: a data connection between us and the server.

use fxp_net::data::DataStream;
use fxp_proto::path::VPath;

use crate::session::{Session, SessionError};

/// A transfer whose data connection is open; the caller moves the bytes (blocking, on a thread made
/// for it), then asks for the end by [`Session::finish_transfer`].
#[derive(Debug)]
pub struct Open {
    /// The data connection, TLS done.
    pub data: DataStream,
    /// What to wait for.
    pub request: fxp_proto::client::request::RequestId,
}

impl Session {
    /// RETR from `offset`.
    ///
    /// # Errors
    ///
    /// Refused, lost, no data connection.
    pub async fn open_download(&mut self, _path: &VPath, _offset: u64) -> Result<Open, SessionError> {
        todo!("client")
    }

    /// STOR from `offset` (REST).
    ///
    /// # Errors
    ///
    /// Refused, lost, no data connection.
    pub async fn open_upload(&mut self, _path: &VPath, _offset: u64) -> Result<Open, SessionError> {
        todo!("client")
    }

    /// Waits for the final reply of a transfer.
    ///
    /// # Errors
    ///
    /// Refused, lost, timed out.
    pub async fn finish_transfer(
        &mut self,
        _request: fxp_proto::client::request::RequestId,
    ) -> Result<(), SessionError> {
        todo!("client")
    }
}
