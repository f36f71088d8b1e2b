//! One control connection seen from the client.
//!
//! * [`request`]: what can be asked, and how it ends.
//! * `settings`: what is in force on the server, so that nothing is said twice.
//! * `login`, `task`, `abort`: the chains of commands that requests become.
//! * `place`: where in a queue of commands each may stand.
//! * [`machine`]: the queue, the accounting of replies, the ceilings.

mod abort;
mod login;
pub mod machine;
pub mod manners;
pub mod names;
mod place;
pub mod request;
mod settings;
mod task;
