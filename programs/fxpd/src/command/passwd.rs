//! `fxpd passwd`: a password becomes a hash.

use std::io::{self, BufRead, IsTerminal};

use anyhow::{Context, anyhow, bail};
use fxp_server::config::password::{Cost, Password};
use fxp_store::Secret;
use inquire::PasswordDisplayMode;

use crate::exit::{Failure, Result};

/// The longest password; FTP's command lines are not longer.
const MAX_PASSWORD: u64 = 1024;

/// Asks, hashes, prints.
pub(crate) fn run() -> Result<()> {
    let password = match io::stdin().is_terminal() {
        true => ask(),
        false => first_line(io::stdin().lock()),
    };
    let password = password.map_err(Failure::Unusable)?;
    println!("{}", Password::hash(&password, Cost::Standard).as_phc());
    Ok(())
}

fn ask() -> anyhow::Result<Secret> {
    let password = inquire::Password::new("Password:")
        .with_display_mode(PasswordDisplayMode::Hidden)
        .with_custom_confirmation_message("Again:")
        .with_custom_confirmation_error_message("These were two different passwords.")
        .prompt()
        .context("no password")?;
    usable(password.into_bytes())
}

fn first_line(input: impl BufRead) -> anyhow::Result<Secret> {
    let mut line = Vec::new();
    input.take(MAX_PASSWORD + 2).read_until(b'\n', &mut line).context("cannot read stdin")?;
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    usable(line)
}

/// A password that can be typed into an FTP client.
fn usable(password: Vec<u8>) -> anyhow::Result<Secret> {
    if password.len() as u64 > MAX_PASSWORD {
        bail!("the password is longer than {MAX_PASSWORD} bytes");
    }
    if password.is_empty() {
        bail!("the password is empty");
    }
    match fxp_store::Text::new(password.as_slice()) {
        Ok(_) => Ok(Secret::new(password)),
        Err(forbidden) => Err(anyhow!(forbidden).context("no client could send this password")),
    }
}
