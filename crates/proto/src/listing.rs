//! What servers say about files: MLSx facts, `ls -l`, DOS, EPLF.

pub mod entry;
pub mod time;
