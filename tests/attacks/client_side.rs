//! Attacks on `fxp`, by the servers that it talks to and by whoever stands between.

mod between;
mod ground;
mod hostile;

mod deputy;
mod starttls;
