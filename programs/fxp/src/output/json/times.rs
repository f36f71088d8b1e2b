//! How the times of copies look, as records of the stream.

use fxp_engine::times::Times;
use serde::Serialize;

/// How two servers' times compare.
#[derive(Serialize)]
pub(crate) struct TimesFields {
    from: String,
    to: String,
    compared: &'static str,
    within_seconds: Option<u32>,
    later_seconds: Vec<i64>,
    text: String,
}

impl TimesFields {
    pub(crate) fn of(times: &Times) -> Self {
        let arrival = times.arrival.is_some();
        TimesFields {
            from: times.from.clone(),
            to: times.to.clone(),
            compared: if arrival { "newer" } else { "time" },
            within_seconds: (!arrival).then_some(times.listed.within),
            later_seconds: if arrival { Vec::new() } else { times.listed.later.clone() },
            text: times.sentence(),
        }
    }
}
