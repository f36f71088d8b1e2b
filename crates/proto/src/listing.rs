//! What servers say about files: MLSx facts, `ls -l`, DOS, EPLF; and how ours says it.

pub mod entry;
pub mod mlsx;
pub mod time;
