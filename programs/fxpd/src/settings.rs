//! The configuration file, read and completed: relative paths are made to begin where the file lies, so
//! that `fxpd` may be started from anywhere.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use fxp_server::accounts::FileAccounts;
use fxp_server::config::Config;
use fxp_server::config::network::Pem;
use fxp_server::config::user::Upload;
use fxp_store::storage::Storage;
use fxp_store_disk::{Disk, Options};

use crate::exit::{Failure, Result};

/// Where the configuration is looked for.
pub(crate) const DEFAULT_CONFIG: &str = "/etc/fxpd/fxpd.toml";

/// The largest file that is read as a configuration: thousands of users, and no disk image.
const MAX_CONFIG: u64 = 16 << 20;

/// Reads and checks the configuration.
pub(crate) fn load(path: &Path) -> Result<Config> {
    let text = read(path).map_err(Failure::Unusable)?;
    let mut config =
        Config::parse(&text).with_context(|| path.display().to_string()).map_err(Failure::Unusable)?;
    complete(&mut config, path.parent().unwrap_or(Path::new("")));
    Ok(config)
}

fn read(path: &Path) -> anyhow::Result<String> {
    let size = match std::fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(anyhow!(
                "there is no {}; `fxpd init` writes one, --config names another",
                path.display()
            ));
        }
        Err(error) => return Err(error).context(path.display().to_string()),
    };
    if size > MAX_CONFIG {
        return Err(anyhow!("{} is too large for a configuration", path.display()));
    }
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

fn complete(config: &mut Config, base: &Path) {
    let absolute = |path: &mut PathBuf| *path = base.join(&path);
    if let Some(tls) = &mut config.tls {
        for pem in [&mut tls.certificate, &mut tls.key] {
            if let Pem::Path(path) = pem {
                absolute(path);
            }
        }
    }
    config.users.iter_mut().for_each(|user| absolute(&mut user.home));
    if let Some(anonymous) = &mut config.anonymous {
        absolute(&mut anonymous.home);
    }
    if let Some(file) = &mut config.log.file {
        absolute(file);
    }
}

/// The users of `config`, with their files on local disks.
pub(crate) fn accounts(config: &Config) -> Arc<FileAccounts> {
    let homes = Homes::of(config);
    Arc::new(FileAccounts::new(config, move |home, upload| homes.open(home, upload)))
}

/// The home directories of a configuration.
struct Homes(Vec<PathBuf>);

impl Homes {
    fn of(config: &Config) -> Self {
        let guests = config.anonymous.iter().map(|guests| guests.home.clone());
        Homes(config.users.iter().map(|user| user.home.clone()).chain(guests).collect())
    }

    /// The storage of one of them. Its own user cannot change the way that leads to it; another user can whose
    /// home it lies beneath, so from there on no link is followed.
    fn open(&self, home: &Path, upload: Upload) -> io::Result<Arc<dyn Storage>> {
        let upload = match upload {
            Upload::Inplace => fxp_store_disk::Upload::InPlace,
            Upload::Atomic => fxp_store_disk::Upload::Atomic,
        };
        let options = Options { upload, ..Options::default() };
        let opened = match self.around(home) {
            None => Disk::open(home, options),
            Some(outer) => Disk::open_beneath(outer, home, options),
        };
        match opened {
            Ok(disk) => Ok(Arc::new(disk)),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    /// The outermost home of somebody else that `home` lies beneath.
    fn around(&self, home: &Path) -> Option<&Path> {
        let outer =
            self.0.iter().map(PathBuf::as_path).filter(|other| *other != home && home.starts_with(other));
        outer.min_by_key(|other| other.components().count())
    }
}

/// Every home directory of the configuration that cannot be opened, and why.
pub(crate) fn unusable_homes(config: &Config) -> Vec<String> {
    let homes = Homes::of(config);
    let users = config.users.iter().map(|user| (user.name.as_str(), &user.home, user.upload));
    let guests = config.anonymous.iter().map(|guests| ("anonymous", &guests.home, guests.upload));
    users
        .chain(guests)
        .filter_map(|(name, home, upload)| {
            let error = homes.open(home, upload).err()?;
            let cause = std::error::Error::source(&error).map_or(String::new(), |cause| format!(": {cause}"));
            Some(format!("{name} cannot log in: {error}{cause}"))
        })
        .collect()
}
