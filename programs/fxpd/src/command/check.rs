//! `fxpd check`: what a start would do, without starting.

use std::fmt::{self, Write};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;
use fxp_net::tls::ServerTls;
use fxp_server::config::Config;
use fxp_server::config::fxp::Allowances;
use fxp_server::config::network::{DataTlsReuse, PassiveAddress, Pem, Tls, TlsNeed};
use fxp_server::config::user::Upload;
use fxp_store::account::Rights;

use crate::exit::{Failure, Result};
use crate::privileges::Identity;
use crate::{describe, logging, settings};

/// Reads everything, prints what it means to stdout and what is doubtful to stderr.
pub(crate) fn run(path: &Path) -> Result<()> {
    let config = settings::load(path)?;
    let summary = summary(path, &config).map_err(Failure::Unusable)?;
    print!("{summary}");
    let warnings = warnings(path, &config);
    for warning in &warnings {
        eprintln!("warning: {warning}");
    }
    Ok(())
}

/// Everything doubtful: contradictions to what is on this machine, and what is probably not meant.
pub(crate) fn warnings(path: &Path, config: &Config) -> Vec<String> {
    let mut warnings = config.warnings();
    warnings.extend(settings::unusable_homes(config));
    warnings.extend(readable_by_everybody("the configuration holds password hashes and", path));
    if let Some(Tls { key: Pem::Path(key), .. }) = &config.tls {
        warnings.extend(readable_by_everybody("the private key", key));
    }
    warnings
}

fn readable_by_everybody(what: &str, path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode();
    (mode & 0o004 != 0)
        .then(|| format!("{what} is readable by every user of this machine; chmod o-r {}", path.display()))
}

/// One fact per line. Fails where a start would fail.
fn summary(path: &Path, config: &Config) -> anyhow::Result<String> {
    logging::filter(&config.log)?;
    let run_as = config.run_as.as_ref().map(Identity::find).transpose()?;

    let mut summary = Summary(String::new());
    summary.line("configuration", path.display());
    for listen in &config.listen {
        let tls = match (listen.is_implicit(), &config.tls) {
            (true, _) => "implicit TLS",
            (false, Some(_)) => "explicit TLS",
            (false, None) => "no TLS",
        };
        summary.line("listen", format_args!("{}, {tls}", listen.address));
    }
    match &config.tls {
        Some(tls) => describe_tls(&mut summary, config, tls)?,
        None => summary.line("tls", "off"),
    }
    summary.line("passive", passive(config));
    for user in &config.users {
        let mut words =
            vec![user.home.display().to_string(), rights(&user.rights), upload(user.upload).into()];
        words.extend((user.tls == TlsNeed::Required).then(|| "TLS only".to_owned()));
        words.extend((!user.may_fxp).then(|| "no FXP".to_owned()));
        if !user.from.is_empty() {
            let nets: Vec<_> = user.from.iter().map(ToString::to_string).collect();
            words.push(format!("from {}", nets.join(" ")));
        }
        summary.line("user", format_args!("{}: {}", user.name, words.join(", ")));
    }
    match &config.anonymous {
        Some(guests) => {
            let words =
                [guests.home.display().to_string(), rights(&guests.rights), upload(guests.upload).into()];
            summary.line("anonymous", words.join(", "));
        }
        None => summary.line("anonymous", "off"),
    }
    let allowances = match config.fxp.allowances {
        Allowances::On => "peers that prove who they are need no rule, all others do",
        Allowances::Off => "every peer needs a rule",
    };
    summary.line("fxp", allowances);
    for (at, rule) in config.fxp.rules.iter().enumerate() {
        summary.line(&describe::rule_key(at), describe::rule(rule));
    }
    match (&config.run_as, run_as) {
        (Some(run_as), Some(_)) => summary.line("run as", &run_as.user),
        _ => summary.line("run as", "whoever starts it"),
    }
    match &config.log.file {
        Some(file) => summary.line("log", format_args!("{}, {}", config.log.level, file.display())),
        None => summary.line("log", format_args!("{}, stderr", config.log.level)),
    }
    Ok(summary.0)
}

fn describe_tls(summary: &mut Summary, config: &Config, tls: &Tls) -> anyhow::Result<()> {
    let certificate =
        tls.certificate.read().with_context(|| format!("tls.certificate {:?}", tls.certificate))?;
    let key = tls.key.read().with_context(|| format!("tls.key {:?}", tls.key))?;
    let identity = ServerTls::from_pem(&certificate, &key).context("tls")?;
    let need = |need| match need {
        TlsNeed::Offered => "offered",
        TlsNeed::Required => "required",
    };
    let reuse = match config.data_tls_reuse {
        DataTlsReuse::Require => ", data connections resume",
        DataTlsReuse::Off => "",
    };
    summary.line("tls", format_args!("control {}, data {}{reuse}", need(tls.control), need(tls.data)));
    summary.line("certificate", identity.fingerprint());
    Ok(())
}

fn passive(config: &Config) -> String {
    let ports = config.passive_ports.ports();
    let address = match &config.passive_address {
        None => "the address of the control connection".to_owned(),
        Some(PassiveAddress::Literal(ip)) => ip.to_string(),
        Some(PassiveAddress::Interface(name)) => format!("the address of {name}"),
        Some(PassiveAddress::Name(name)) => format!("the address of {name}"),
    };
    format!("ports {}-{}, announcing {address}", ports.start(), ports.end())
}

fn rights(rights: &Rights) -> String {
    match *rights {
        Rights::FULL => return "full rights".to_owned(),
        Rights::READ_ONLY => return "read only".to_owned(),
        _ => {}
    }
    let held: Vec<&str> = [
        ("read", rights.read),
        ("list", rights.list),
        ("write", rights.write),
        ("overwrite", rights.overwrite),
        ("delete", rights.delete),
        ("change", rights.change),
    ]
    .into_iter()
    .filter_map(|(name, held)| held.then_some(name))
    .collect();
    if held.is_empty() { "no rights".to_owned() } else { held.join("+") }
}

fn upload(upload: Upload) -> &'static str {
    match upload {
        Upload::Inplace => "uploads in place",
        Upload::Atomic => "uploads atomic",
    }
}

/// Lines of a name and a fact.
struct Summary(String);

impl Summary {
    fn line(&mut self, name: &str, fact: impl fmt::Display) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{name:<14} {fact}");
    }
}
