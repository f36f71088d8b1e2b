//! RETR: a file goes out.

use std::io;
use std::os::fd::BorrowedFd;

use fxp_net::data::Source;
use fxp_proto::grammar::params::TransferType;
use fxp_proto::server::effect::{Event, FailureKind, Outcome, Send};
use fxp_store::storage::{ReadFile, StoreError};

use super::data::{broken, on_thread};
use super::permit::{Connected, Purpose, permit};
use super::text::Outgoing;
use super::{Job, Result, failure};
use crate::observe::Transfer;
use crate::own_ports::Listening;

/// The file is opened first, so that a missing one never gets as far as `150`.
pub(super) async fn send(job: &Job, order: Send, listener: Option<Listening>) -> Result {
    let path = order.path.clone();
    let (file, size) = job
        .ask(move |files| {
            let file = files.open(&path)?;
            let size = file.size()?;
            Ok((file, size))
        })
        .await?;
    let length = length(&order, size)?;
    let permit = permit(job, order.slot, Purpose::Out(order.path.clone())).await?;
    let text = order.kind == TransferType::Ascii;
    job.event(Event::Opening { size: (!text).then_some(length), name: None }).await;
    let Connected { stream, foreign } = permit.connect(listener).await?;

    let counted = order.progress.0;
    let transfer = Transfer::over(&stream, "sent", order.path, foreign, &counted);
    let (start, end) = (order.start, order.end);
    let rates = job.rates(order.rate.as_ref())?;
    stream.throttle(rates.throttles.clone());
    let sent = on_thread(job, stream, move |stream| {
        let _held = rates;
        if text {
            stream.send(&mut Outgoing::new(file), 0, None, &counted)
        } else {
            // Without an end, a file that grows meanwhile is sent as it is then.
            stream.send(&mut Binary(file), start, end.map(|_| length), &counted)
        }
    })
    .await?;
    let bytes = transfer.ended(sent.map_err(broken))?;
    Ok(Outcome::Transferred { bytes, name: None, left_out: 0 })
}

/// How many bytes lie between start and end; `end` is inclusive and may lie beyond the file's.
fn length(order: &Send, size: u64) -> Result<u64> {
    let end = order.end.map_or(size, |last| size.min(last.saturating_add(1)));
    end.checked_sub(order.start).ok_or_else(|| {
        failure(
            FailureKind::BadOffset,
            format!("the file has {size} bytes, less than the offset {}", order.start),
        )
    })
}

/// A file as it is.
struct Binary(Box<dyn ReadFile>);

impl Source for Binary {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset).map_err(storage_error)
    }

    fn file(&self) -> Option<BorrowedFd<'_>> {
        self.0.file()
    }
}

/// Wraps a storage's error for the trip through the data connection; [`broken`] unwraps it.
pub(super) fn storage_error(error: StoreError) -> io::Error {
    io::Error::other(error)
}
