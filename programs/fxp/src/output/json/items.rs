//! Pieces of data, as records of the stream: entries, sites, and what is known of a server.

use fxp_engine::book::Known;
use fxp_engine::place::{Memory, ServerFacts};
use fxp_proto::listing::entry::{Entry, Kind};
use serde::Serialize;

use super::TimesFields;

use crate::bookmarks::{Fate, Imported};

/// A line of `ls`.
#[derive(Serialize)]
pub(super) struct Listed<'a> {
    place: &'a str,
    name: String,
    kind: &'a str,
    target: Option<String>,
    size: Option<u64>,
    modified: Option<String>,
    mode: Option<String>,
    owner: Option<String>,
    group: Option<String>,
}

impl<'a> Listed<'a> {
    pub(super) fn of(place: &'a str, entry: &Entry) -> Self {
        let (kind, target) = match &entry.kind {
            Kind::File => ("file", None),
            Kind::Directory => ("directory", None),
            Kind::Symlink(target) => ("symlink", target.as_ref().map(ToString::to_string)),
            Kind::Other => ("other", None),
        };
        let modified = entry.modified.as_ref().and_then(|(time, _)| {
            Some(jiff::Timestamp::new(time.seconds, time.nanoseconds.try_into().ok()?).ok()?.to_string())
        });
        Listed {
            place,
            name: entry.name.to_string(),
            kind,
            target,
            size: entry.size,
            modified,
            mode: entry.mode.map(|mode| format!("{mode:04o}")),
            owner: entry.owner.as_ref().map(ToString::to_string),
            group: entry.group.as_ref().map(ToString::to_string),
        }
    }
}

/// A line of `site ls`.
#[derive(Serialize)]
pub(super) struct SiteFields<'a> {
    host: &'a str,
    port: Option<u16>,
    user: Option<&'a str>,
    tls: Option<fxp_engine::site::TlsMode>,
    root: Option<&'a str>,
    data_address: Option<std::net::IpAddr>,
    listens: Option<bool>,
    password_command: Option<&'a str>,
    certificate: Option<String>,
}

impl<'a> SiteFields<'a> {
    pub(super) fn of(site: &'a fxp_engine::site::Site) -> Self {
        SiteFields {
            host: &site.host,
            port: site.port,
            user: site.user.as_deref(),
            tls: site.tls,
            root: site.root.as_deref(),
            data_address: site.data_address,
            listens: site.passive,
            password_command: site.password_command.as_deref(),
            certificate: site.certificate.as_ref().map(|file| file.display().to_string()),
        }
    }
}

/// A line of `site import`.
#[derive(Serialize)]
pub(super) struct BookmarkFields<'a> {
    title: &'a str,
    outcome: &'a str,
    name: Option<&'a str>,
    site: Option<SiteFields<'a>>,
    why: Option<&'a str>,
    notes: &'a [String],
    netrc: bool,
}

impl<'a> BookmarkFields<'a> {
    pub(super) fn of(imported: &'a Imported) -> Self {
        let (outcome, name, site, why) = match &imported.fate {
            Fate::Added { name, site } => ("added", Some(name), Some(site), None),
            Fate::Replaced { name, site } => ("replaced", Some(name), Some(site), None),
            Fate::Equal { name } => ("equal", Some(name), None, None),
            Fate::Taken { name } => ("taken", Some(name), None, None),
            Fate::LeftOut { why } => ("left_out", None, None, Some(why)),
        };
        BookmarkFields {
            title: &imported.title,
            outcome,
            name: name.map(String::as_str),
            site: site.map(SiteFields::of),
            why: why.map(String::as_str),
            notes: &imported.notes,
            netrc: imported.netrc,
        }
    }
}

/// What `site test` found out.
#[derive(Serialize)]
pub(super) struct FactFields<'a> {
    name: &'a str,
    server: &'a str,
    address: &'a str,
    family: &'a str,
    banner: &'a [String],
    product: Option<&'a str>,
    system: Option<&'a str>,
    home: &'a str,
    tls: Option<&'a str>,
    cipher: Option<&'a str>,
    verified: Option<&'a str>,
    fingerprint: Option<&'a str>,
    features: &'a [String],
    digests: &'a [&'static str],
    fxp: &'a [String],
    #[serde(flatten)]
    lessons: Lessons<'a>,
}

impl<'a> FactFields<'a> {
    pub(super) fn of(name: &'a str, facts: &'a ServerFacts) -> Self {
        FactFields {
            name,
            server: &facts.server,
            address: &facts.address,
            family: facts.family,
            banner: &facts.banner,
            product: facts.product,
            system: facts.system.as_deref(),
            home: &facts.home,
            tls: facts.tls.as_deref(),
            cipher: facts.cipher.as_deref(),
            verified: facts.verified,
            fingerprint: facts.fingerprint.as_deref(),
            features: &facts.features,
            digests: &facts.digests,
            fxp: &facts.fxp,
            lessons: Lessons::of(&facts.known),
        }
    }
}

/// What `site show` knows of a server.
#[derive(Serialize)]
pub(super) struct KnownFields<'a> {
    server: &'a str,
    product: Option<&'a str>,
    banner: Option<&'a str>,
    trusted: &'a [String],
    uncompared: &'a [String],
    #[serde(flatten)]
    lessons: Lessons<'a>,
}

impl<'a> KnownFields<'a> {
    pub(super) fn of(memory: &'a Memory) -> Self {
        KnownFields {
            server: &memory.server,
            product: memory.known.product.as_deref(),
            banner: memory.known.banner.as_deref(),
            trusted: &memory.known.trusted,
            uncompared: &memory.known.uncompared,
            lessons: Lessons::of(&memory.known),
        }
    }
}

/// What was learned about a server, and when.
#[derive(Serialize)]
struct Lessons<'a> {
    learned: Option<String>,
    tls_seen: bool,
    demands_reuse: bool,
    no_rename: bool,
    renames: bool,
    no_foreign_passive: bool,
    no_foreign_active: bool,
    unreachable: bool,
    no_client_with: &'a [String],
    most_sessions: Option<u32>,
    most_sessions_at: Option<String>,
    queueing: Option<&'a str>,
    stat_lists: Option<bool>,
    times: Vec<TimesFields>,
}

impl<'a> Lessons<'a> {
    fn of(known: &'a Known) -> Self {
        let date = |seconds| jiff::Timestamp::from_second(seconds).ok().map(|stamp| stamp.to_string());
        Lessons {
            learned: known.learned.and_then(date),
            tls_seen: known.tls_seen,
            demands_reuse: known.demands_reuse,
            no_rename: known.no_rename,
            renames: known.renames,
            no_foreign_passive: known.no_foreign_passive,
            no_foreign_active: known.no_foreign_active,
            unreachable: known.unreachable,
            no_client_with: &known.no_client_with,
            most_sessions: known.most_sessions,
            most_sessions_at: known.most_sessions_at.and_then(date),
            queueing: known.queueing.as_deref(),
            stat_lists: known.stat_lists,
            times: known.times.iter().map(TimesFields::of).collect(),
        }
    }
}
