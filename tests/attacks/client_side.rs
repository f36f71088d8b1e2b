//! Attacks on `fxp`, by the servers that it talks to and by whoever stands between.

mod between;
mod ground;
mod hostile;

mod certificates;
mod deputy;
mod downgrade;
mod endless;
mod listings;
mod others;
mod starttls;
mod words;
