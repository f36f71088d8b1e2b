//! `fxpd init`: a configuration to begin with, and a certificate.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, bail};
use fxp_net::tls::ServerTls;

use self::certificate::Identity;
use crate::args::Init;
use crate::exit::{Failure, Result};

mod certificate;

/// The configuration that is written; every key there is, most of them as comments.
const TEMPLATE: &str = include_str!("init/fxpd.toml");

/// Makes the files and says what comes next.
pub(crate) fn run(init: &Init) -> Result<()> {
    let directory = &init.directory;
    let files = ["fxpd.toml", "certificate.pem", "key.pem"].map(|name| directory.join(name));
    if let Some(there) = files.iter().find(|file| file.symlink_metadata().is_ok()) {
        let refusal = anyhow::anyhow!("{} is there already; nothing was changed", there.display());
        return Err(Failure::Unusable(refusal));
    }
    let names = if init.names.is_empty() { certificate::names_of_this_machine() } else { init.names.clone() };
    let identity = certificate::self_signed(&names).map_err(Failure::Unusable)?;
    let fingerprint = write(directory, &files, &identity).map_err(Failure::Failed)?;

    let [config, certificate, _] = files.map(|file| file.display().to_string());
    println!("{certificate} is a certificate for {}", names.join(", "));
    println!("{fingerprint}");
    println!();
    println!("Next: put a user into {config} (fxpd passwd makes the password), then");
    println!("  fxpd check --config {config}");
    println!("  fxpd --config {config}");
    Ok(())
}

/// The fingerprint is taken from what was written, read as the server will read it.
fn write(directory: &Path, files: &[std::path::PathBuf; 3], identity: &Identity) -> anyhow::Result<String> {
    let made = DirBuilder::new().recursive(true).mode(0o755).create(directory);
    made.with_context(|| format!("cannot make {}", directory.display()))?;
    let [config, certificate, key] = files;
    // The configuration will hold hashes of passwords, the key is the key.
    for (file, mode, text) in [
        (key, 0o600, identity.key.as_str()),
        (certificate, 0o644, &identity.certificate),
        (config, 0o600, TEMPLATE),
    ] {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(file)
            .with_context(|| format!("cannot make {}", file.display()))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
    }
    match ServerTls::from_pem(&std::fs::read(certificate)?, &std::fs::read(key)?) {
        Ok(tls) => Ok(tls.fingerprint().to_string()),
        Err(error) => bail!("the certificate just made cannot be used: {error}"),
    }
}
