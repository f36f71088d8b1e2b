//! Random moments and random files. What comes of a moment cannot be repeated, but which moment it was can be told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A source of random numbers (splitmix64), whose seed is printed.
pub(crate) struct Chance(u64);

impl Chance {
    /// With the seed in `FXP_SEED`, or another one each time.
    pub(crate) fn new() -> Chance {
        let given = std::env::var("FXP_SEED").ok().and_then(|seed| seed.parse().ok());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seed = given.unwrap_or(now.as_nanos() as u64);
        eprintln!("FXP_SEED={seed}");
        Chance(seed)
    }

    pub(crate) fn number(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below.max(1)
    }

    pub(crate) fn moment(&mut self, before: Duration) -> Duration {
        Duration::from_micros(self.number(before.as_micros() as u64))
    }

    pub(crate) fn bytes(&mut self, size: usize) -> Vec<u8> {
        (0..size.div_ceil(8)).flat_map(|_| self.number(u64::MAX).to_le_bytes()).take(size).collect()
    }
}
