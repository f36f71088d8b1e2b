//! Times of files (RFC 3659, 2.3): UTC calendar time, to the second or finer.

/// A modification time as FTP tells it, in seconds and nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FtpTime {
    /// Seconds since 1970-01-01T00:00:00Z, from year 1 to year 9999.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
}
