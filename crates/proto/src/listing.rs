//! What servers say about files: MLSx facts, `ls -l`, DOS, EPLF; and how ours says it.

pub mod dos;
pub mod entry;
pub mod eplf;
pub mod format;
pub mod guess;
pub mod left_out;
pub mod mlsx;
pub mod time;
pub mod unix;
