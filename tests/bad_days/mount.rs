//! A small file system of its own, to be filled or made read-only.

use std::path::{Path, PathBuf};
use std::process::Command;

use fxp_testkit::demand::Missing;

/// A tmpfs that goes when dropped.
pub(crate) struct Tmpfs(PathBuf);

impl Tmpfs {
    /// Mounts one of `size` (as `1m`) on `folder`, which is made.
    ///
    /// # Errors
    ///
    /// Where this may not be done.
    pub(crate) fn on(folder: &Path, size: &str) -> Result<Tmpfs, Missing> {
        std::fs::create_dir_all(folder).expect("a folder");
        let options = format!("size={size},mode=0777");
        mount(&["-t", "tmpfs", "-o", &options, "tmpfs"], folder)?;
        Ok(Tmpfs(folder.to_path_buf()))
    }

    /// Lets nobody write any more, or everybody again.
    pub(crate) fn remount(&self, options: &str) {
        mount(&["-o", &format!("remount,{options}")], &self.0).expect("what was mounted is mounted again");
    }
}

fn mount(arguments: &[&str], folder: &Path) -> Result<(), Missing> {
    let output = Command::new("mount").args(arguments).arg(folder).output();
    let output = output.map_err(|error| Missing(format!("mount: {error}")))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(Missing(format!("mount: {}", String::from_utf8_lossy(&output.stderr)))),
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
