//! Arguments and environment made into one answer, in the engine's words.

mod filter;
mod measure;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use etcetera::BaseStrategy;
use fxp_engine::plan::judge::Compare;
use fxp_engine::run::{
    AssuranceChoice, Bounds, CopyRequest, Delete, EndChoice, Links, MethodChoice, Policy, ResumeChoice,
    Secure, Selection, VerifyChoice, Via,
};
use fxp_engine::site::TlsMode;
use fxp_engine::url::Address;
use fxp_proto::grammar::params::DigestKind;

use crate::args;
use crate::exit::{Failure, Outcome};
pub(crate) use measure::{size, when};

/// The longest wait for a connection or a reply, unless `--timeout` says otherwise: some servers take
/// their time to start a session, none takes a minute.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How much is said on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Errors.
    Quiet,
    /// Progress, warnings, a summary.
    Normal,
    /// The dialogue with the servers too.
    Verbose,
}

/// What holds for every command.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) verbosity: Verbosity,
    pub(crate) json: bool,
    pub(crate) tls: Option<TlsMode>,
    pub(crate) timeout: Duration,
    pub(crate) password_command: Option<String>,
    /// As it was typed.
    given: args::Global,
}

impl Settings {
    pub(crate) fn new(global: &args::Global) -> Self {
        Settings {
            verbosity: match (global.quiet, global.verbose) {
                (true, _) => Verbosity::Quiet,
                (_, true) => Verbosity::Verbose,
                _ => Verbosity::Normal,
            },
            json: global.json,
            tls: global.tls.map(Into::into),
            timeout: global.timeout.map_or(TIMEOUT, Duration::from_secs),
            password_command: global.password_command.clone(),
            given: global.clone(),
        }
    }

    /// The same, with what was typed for `over` laid over it.
    pub(crate) fn beneath(&self, over: &Settings) -> Settings {
        let (under, over) = (&self.given, &over.given);
        let loudness = if over.verbose || over.quiet { over } else { under };
        Settings::new(&args::Global {
            verbose: loudness.verbose,
            quiet: loudness.quiet,
            json: under.json || over.json,
            tls: over.tls.or(under.tls),
            password_command: over.password_command.as_ref().or(under.password_command.as_ref()).cloned(),
            timeout: over.timeout.or(under.timeout),
        })
    }

    /// What has to be typed for the same settings.
    pub(crate) fn flags(&self) -> Vec<String> {
        let given = &self.given;
        let switches =
            [(given.verbose, "--verbose"), (given.quiet, "--quiet"), (given.json, "--json")].into_iter();
        let mut flags: Vec<String> =
            switches.filter(|(given, _)| *given).map(|(_, flag)| flag.to_owned()).collect();
        let word =
            |tls: args::Tls| tls.to_possible_value().map(|value| format!("--tls={}", value.get_name()));
        flags.extend(given.tls.and_then(word));
        flags.extend(given.password_command.as_ref().map(|command| format!("--password-command={command}")));
        flags.extend(given.timeout.map(|seconds| format!("--timeout={seconds}")));
        flags
    }
}

/// Where the books are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paths {
    pub(crate) sites: PathBuf,
    pub(crate) known: PathBuf,
    /// The directory of the journal.
    pub(crate) state: PathBuf,
    /// None without a home directory.
    pub(crate) netrc: Option<PathBuf>,
}

impl Paths {
    /// The home directory.
    pub(crate) fn home() -> Outcome<PathBuf> {
        let base = etcetera::choose_base_strategy().ok();
        base.map(|base| base.home_dir().to_owned())
            .ok_or_else(|| Failure::usage("there is no home directory").hint("set HOME"))
    }

    /// `$FXP_SITES`, `$FXP_KNOWN`, `$FXP_STATE` and `$NETRC`, else the XDG directories and the home directory.
    pub(crate) fn find() -> Outcome<Self> {
        let base = etcetera::choose_base_strategy().ok();
        let given = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let no_home = || {
            Failure::usage("there is no home directory to keep books in").hint(
                "set HOME, or FXP_SITES and FXP_KNOWN to the paths of two files and FXP_STATE to a directory",
            )
        };
        let book = |name: &str, directory: Option<&PathBuf>, file: &str| {
            let by_default = || directory.map(|directory| directory.join("fxp").join(file));
            given(name).or_else(by_default).ok_or_else(no_home)
        };
        let config = base.as_ref().map(BaseStrategy::config_dir);
        // Only XDG knows a directory for state; elsewhere it is kept beside the data.
        let state = base.as_ref().map(|base| base.state_dir().unwrap_or_else(|| base.data_dir()));
        Ok(Paths {
            sites: book("FXP_SITES", config.as_ref(), "sites.toml")?,
            known: book("FXP_KNOWN", state.as_ref(), "known.toml")?,
            state: book("FXP_STATE", state.as_ref(), "")?,
            netrc: given("NETRC").or_else(|| base.map(|base| base.home_dir().join(".netrc"))),
        })
    }
}

/// Reads what was typed as a place; it need not be UTF-8.
pub(crate) fn address(typed: &OsStr) -> Outcome<Address> {
    Ok(Address::parse(typed.as_encoded_bytes())?)
}

/// As [`address`], many of them.
pub(crate) fn addresses(typed: &[OsString]) -> Outcome<Vec<Address>> {
    typed.iter().map(|typed| address(typed)).collect()
}

/// What a command that copies asks for; no other command is ever a job.
pub(crate) fn requested(command: &args::Command) -> Outcome<CopyRequest> {
    match command {
        args::Command::Cp(copy) => copy.request(),
        args::Command::Sync(sync) => sync_request(sync),
        args::Command::Mv(rename) => copy_request(&rename.sources, &rename.destination, &rename.transfer),
        _ => Err(Failure::usage("only copies and moves are jobs")),
    }
}

/// `fxp cp` and `fxp mv` in the engine's words.
pub(crate) fn copy_request(
    sources: &[OsString],
    destination: &OsStr,
    transfer: &args::Transfer,
) -> Outcome<CopyRequest> {
    Ok(CopyRequest {
        sources: addresses(sources)?,
        destination: address(destination)?,
        others: Vec::new(),
        recursive: transfer.recursive,
        via: transfer.via.into(),
        policy: transfer.joint.policy(transfer.secure),
        verify: transfer.verify.into(),
        inplace: transfer.inplace,
        dry_run: transfer.dry_run,
        resume: transfer.resume.map_or(ResumeChoice::Noted, Into::into),
        retries: transfer.retries,
        lanes: transfer.lanes.map(usize::from),
        selection: Selection {
            filter: Arc::new(transfer.files.filter()?),
            links: transfer.links.into(),
            ..Selection::default()
        },
        bwlimit: transfer.bwlimit,
        bounds: Bounds {
            space_wait: transfer.space_wait,
            max_transfer: transfer.max_transfer,
            max_duration: transfer.max_duration,
        },
    })
}

impl args::Copy {
    /// `fxp cp` in the engine's words.
    pub(crate) fn request(&self) -> Outcome<CopyRequest> {
        let request = copy_request(&self.sources, &self.destination, &self.transfer)?;
        Ok(CopyRequest { others: addresses(&self.others)?, ..request })
    }
}

/// `fxp sync` in the engine's words.
pub(crate) fn sync_request(args: &args::Sync) -> Outcome<CopyRequest> {
    let mut request = copy_request(std::slice::from_ref(&args.source), &args.destination, &args.transfer)?;
    request.recursive = true;
    request.selection.compare = match (args.size_only, args.checksum) {
        (true, _) => Compare::Size,
        (_, true) => Compare::DigestIfAny,
        _ => Compare::SizeAndTime,
    };
    request.selection.delete = args.delete.then_some(Delete {
        limit: args.delete_limit,
        after: args.delete_after,
        even_excluded: args.delete_excluded,
    });
    Ok(request)
}

impl args::Joint {
    /// The same in the engine's words, with the protection of the data.
    pub(crate) fn policy(&self, secure: Option<args::Secure>) -> Policy {
        Policy {
            secure: secure.map_or(Secure::Default, Into::into),
            passive: self.passive.map_or(EndChoice::Auto, Into::into),
            tls_client: self.tls_client.map_or(EndChoice::Auto, Into::into),
            method: self.method.map_or(MethodChoice::Auto, Into::into),
            assurance: self.assurance.map_or(AssuranceChoice::Best, Into::into),
        }
    }
}

impl From<args::Assurance> for AssuranceChoice {
    fn from(assurance: args::Assurance) -> Self {
        match assurance {
            args::Assurance::Mutual => AssuranceChoice::Mutual,
            args::Assurance::Confidential => AssuranceChoice::Confidential,
            args::Assurance::Authentic => AssuranceChoice::Authentic,
            args::Assurance::Encrypted => AssuranceChoice::Encrypted,
        }
    }
}

impl From<args::Tls> for TlsMode {
    fn from(tls: args::Tls) -> Self {
        match tls {
            args::Tls::Off => TlsMode::Off,
            args::Tls::Try => TlsMode::Try,
            args::Tls::Require => TlsMode::Require,
            args::Tls::Implicit => TlsMode::Implicit,
        }
    }
}

impl From<args::Via> for Via {
    fn from(via: args::Via) -> Self {
        match via {
            args::Via::Direct => Via::Direct,
            args::Via::Relay => Via::Relay,
            args::Via::Auto => Via::Auto,
        }
    }
}

impl From<args::Secure> for Secure {
    fn from(secure: args::Secure) -> Self {
        match secure {
            args::Secure::Require => Secure::Require,
            args::Secure::Prefer => Secure::Prefer,
            args::Secure::Off => Secure::Off,
        }
    }
}

impl From<args::End> for EndChoice {
    fn from(end: args::End) -> Self {
        match end {
            args::End::Source => EndChoice::Source,
            args::End::Destination => EndChoice::Destination,
        }
    }
}

impl From<args::Method> for MethodChoice {
    fn from(method: args::Method) -> Self {
        match method {
            args::Method::Plain => MethodChoice::Plain,
            args::Method::Cpsv => MethodChoice::Cpsv,
            args::Method::Sscn => MethodChoice::Sscn,
        }
    }
}

impl From<args::Resumption> for ResumeChoice {
    fn from(resumption: args::Resumption) -> Self {
        match resumption {
            args::Resumption::Trust => ResumeChoice::Trust,
            args::Resumption::Prove => ResumeChoice::Prove,
            args::Resumption::Never => ResumeChoice::Never,
        }
    }
}

impl From<args::Verify> for VerifyChoice {
    fn from(verify: args::Verify) -> Self {
        match verify {
            args::Verify::Auto => VerifyChoice::Auto,
            args::Verify::Hash => VerifyChoice::Hash,
            args::Verify::Size => VerifyChoice::Size,
        }
    }
}

impl From<args::Links> for Links {
    fn from(links: args::Links) -> Self {
        match links {
            args::Links::Skip => Links::Skip,
            args::Links::Follow => Links::Follow,
            args::Links::Copy => Links::Copy,
        }
    }
}

impl From<args::Algorithm> for DigestKind {
    fn from(algorithm: args::Algorithm) -> Self {
        match algorithm {
            args::Algorithm::Sha256 => DigestKind::Sha256,
            args::Algorithm::Sha512 => DigestKind::Sha512,
            args::Algorithm::Sha1 => DigestKind::Sha1,
            args::Algorithm::Md5 => DigestKind::Md5,
            args::Algorithm::Crc32 => DigestKind::Crc32,
        }
    }
}
