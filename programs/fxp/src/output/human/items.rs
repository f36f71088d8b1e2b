//! Pieces of data, as lines for people: entries, sites, and what is known of a server.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};

use fxp_engine::book::Known;
use fxp_engine::place::{Memory, ServerFacts};
use fxp_engine::site::{Site, TlsMode};
use fxp_proto::listing::entry::{Entry, Kind, Precision};

use crate::bookmarks::{Fate, Imported};
use crate::output::printer::{LABEL, WARNING, styled};

/// Names go to a terminal in printable form, to a pipe byte by byte.
pub(super) fn print_entry(entry: &Entry, long: bool) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    if long {
        write!(stdout, "{}  ", long_columns(entry))?;
    }
    if stdout.is_terminal() {
        write!(stdout, "{}", entry.name)?;
    } else {
        stdout.write_all(entry.name.as_bytes())?;
    }
    match &entry.kind {
        Kind::Directory => write!(stdout, "/")?,
        Kind::Symlink(Some(target)) if long => write!(stdout, " -> {target}")?,
        _ => {}
    }
    writeln!(stdout)
}

/// `drwxr-xr-x          4096  2026-01-02 10:20`.
fn long_columns(entry: &Entry) -> String {
    let kind = match entry.kind {
        Kind::File => '-',
        Kind::Directory => 'd',
        Kind::Symlink(_) => 'l',
        Kind::Other => '?',
    };
    let mode = entry.mode.map_or_else(|| "?????????".into(), permissions);
    let size = entry.size.map_or_else(|| "-".into(), |size| size.to_string());
    let time = entry.modified.as_ref().and_then(|(time, precision)| {
        let stamp = jiff::Timestamp::new(time.seconds, time.nanoseconds.try_into().ok()?).ok()?;
        let zoned = stamp.to_zoned(jiff::tz::TimeZone::system());
        Some(match precision {
            // A day in an unknown zone stays that day.
            Precision::Day => stamp.strftime("%Y-%m-%d      ").to_string(),
            Precision::Minute => stamp.strftime("%Y-%m-%d %H:%M").to_string(),
            Precision::Second => zoned.strftime("%Y-%m-%d %H:%M").to_string(),
        })
    });
    format!("{kind}{mode} {size:>14}  {:<16}", time.unwrap_or_else(|| "-".into()))
}

fn permissions(mode: u32) -> String {
    (0..9).rev().map(|bit| if mode >> bit & 1 == 1 { ['x', 'w', 'r'][bit % 3] } else { '-' }).collect()
}

pub(super) fn describe_site(site: &Site) -> String {
    let scheme = match site.tls {
        Some(TlsMode::Require) => "ftpes",
        Some(TlsMode::Implicit) => "ftps",
        Some(TlsMode::Off | TlsMode::Try) | None => "ftp",
    };
    let mut text = format!("{scheme}://");
    if let Some(user) = &site.user {
        let _ = write!(text, "{user}@");
    }
    if site.host.contains(':') {
        let _ = write!(text, "[{}]", site.host);
    } else {
        text.push_str(&site.host);
    }
    if let Some(port) = site.port {
        let _ = write!(text, ":{port}");
    }
    if let Some(root) = &site.root {
        let _ = write!(text, "{}{root}", if root.starts_with('/') { "" } else { "/" });
    }
    let mut extra = Vec::new();
    if site.tls == Some(TlsMode::Off) {
        extra.push("TLS off".to_owned());
    }
    extra.extend(site.data_address.map(|address| format!("data by {address}")));
    extra.extend(
        site.passive.map(|listens| if listens { "always listens" } else { "never listens" }.to_owned()),
    );
    extra.extend(site.password_command.as_ref().map(|_| "password by command".to_owned()));
    extra.extend(site.certificate.as_ref().map(|file| format!("certificate {}", file.display())));
    if !extra.is_empty() {
        let _ = write!(text, "  ({})", extra.join(", "));
    }
    text
}

/// An entry of `site import`, and beneath it what could not be taken over.
pub(super) fn import_lines(imported: &Imported) -> Vec<String> {
    let row = |name: &str, text: &str| format!("{name:<15} {text}");
    let password = if imported.netrc { "  (password to netrc)" } else { "" };
    let first = match &imported.fate {
        Fate::Added { name, site } => row(name, &format!("{}{password}", describe_site(site))),
        Fate::Replaced { name, site } => row(name, &format!("{}{password}, replaced", describe_site(site))),
        Fate::Equal { name } => row(name, &format!("is there already{password}")),
        Fate::Taken { name } => row(name, "is another site, which stays; --replace replaces it"),
        Fate::LeftOut { why } => row(&imported.title, &format!("is left out: {why}")),
    };
    let notes = imported.notes.iter().map(|note| row("", &format!("{} {note}", styled(WARNING, "note:"))));
    [first].into_iter().chain(notes).collect()
}

/// `site test`, line by line.
pub(super) fn fact_lines(facts: &ServerFacts) -> Vec<String> {
    let mut lines = Vec::new();
    let mut row = |label: &str, text: &str| {
        lines.push(format!("{} {text}", styled(LABEL, format_args!("{label:<12}"))));
    };
    match facts.address == facts.server {
        true => row("server", &facts.server),
        false => row("server", &format!("{} ({})", facts.server, facts.address)),
    }
    facts.banner.iter().for_each(|line| row("greeting", line));
    if let Some(product) = facts.product {
        row("product", product);
    }
    if let Some(system) = &facts.system {
        row("system", system);
    }
    row("home", &facts.home);
    row("control", &control_sentence(facts));
    if let Some(fingerprint) = &facts.fingerprint {
        row("certificate", fingerprint);
    }
    row("features", &facts.features.join(", "));
    facts.fxp.iter().for_each(|sentence| row("fxp", sentence));
    learned(&facts.known).iter().for_each(|sentence| row("learned", sentence));
    lines
}

/// A server before `doctor`, line by line: what decides about FXP.
pub(super) fn patient_lines(facts: &ServerFacts) -> Vec<String> {
    let mut lines = Vec::new();
    let mut row = |label: &str, text: &str| {
        lines.push(format!("{} {text}", styled(LABEL, format_args!("{label:<12}"))));
    };
    match facts.address == facts.server {
        true => row("server", &format!("{}, {}", facts.server, facts.family)),
        false => row("server", &format!("{} ({}), {}", facts.server, facts.address, facts.family)),
    }
    match facts.product {
        Some(product) => row("product", product),
        None => facts.banner.iter().for_each(|line| row("greeting", line)),
    }
    row("control", &control_sentence(facts));
    facts.fxp.iter().for_each(|sentence| row("fxp", sentence));
    learned(&facts.known).iter().for_each(|sentence| row("learned", sentence));
    lines
}

/// `site show`, line by line.
pub(super) fn memory_lines(memory: &Memory) -> Vec<String> {
    let Memory { site, server, known } = memory;
    let mut lines = Vec::new();
    let mut row = |label: &str, text: &str| {
        lines.push(format!("{} {text}", styled(LABEL, format_args!("{label:<12}"))));
    };
    if let Some((name, site)) = site {
        row("site", &format!("{name}: {}", describe_site(site)));
    }
    row("server", server);
    known.product.iter().for_each(|product| row("product", product));
    known.banner.iter().for_each(|banner| row("greeting", banner));
    for fingerprint in &known.trusted {
        row("trusted", &trusted(fingerprint, !known.uncompared.contains(fingerprint)));
    }
    learned(known).iter().for_each(|sentence| row("learned", sentence));
    match known.banner {
        Some(_) if !known.has_facts() => row("learned", "no copy has found out anything about it"),
        Some(_) => {}
        None => row("learned", "nothing: there was no session with it yet"),
    }
    lines
}

/// A fingerprint, and what speaks for it.
pub(super) fn trusted(fingerprint: &str, compared: bool) -> String {
    match compared {
        true => fingerprint.to_owned(),
        false => format!("{fingerprint} (accepted by a yes, compared with nothing)"),
    }
}

fn control_sentence(facts: &ServerFacts) -> String {
    let Some(tls) = &facts.tls else { return "in clear: everybody on the way can read along".into() };
    let cipher = facts.cipher.as_ref().map(|cipher| format!(" ({cipher})")).unwrap_or_default();
    match facts.verified {
        Some("pinned") => format!("{tls}{cipher}, certificate verified by its fingerprint"),
        Some(_) => format!("{tls}{cipher}, certificate verified by this machine's roots"),
        None => format!("{tls}{cipher}, certificate not verified"),
    }
}

/// What earlier copies found out the hard way, and when.
fn learned(known: &Known) -> Vec<String> {
    let when = known.learned.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok()).map(|stamp| {
        let zoned = stamp.to_zoned(jiff::tz::TimeZone::system());
        format!("the latest of this on {}", zoned.strftime("%Y-%m-%d %H:%M"))
    });
    [
        (known.tls_seen, "it has offered TLS, so its absence would be an error"),
        (known.demands_reuse, "its data connections must resume the control connection's TLS session"),
        (known.no_rename, "it refuses to rename, so files are stored under their final names at once"),
        (known.renames, "it renames, so that need not be tried out"),
        (
            known.stat_lists == Some(true),
            "it lists directories over the control connection (STAT), as truly as by LIST",
        ),
        (known.no_foreign_passive, "it refuses foreign addresses when it listens"),
        (known.no_foreign_active, "it refuses foreign addresses when it connects"),
        (known.unreachable, "other servers could not reach it where it listened"),
    ]
    .into_iter()
    .filter(|(is_so, _)| *is_so)
    .map(|(_, sentence)| sentence.to_owned())
    .chain(known.no_client_with.iter().map(|partner| {
        format!("as TLS client it failed with {partner}, whose certificate it may not be able to verify")
    }))
    .chain(
        known
            .most_sessions
            .map(|most| format!("it lets us have {most} sessions at once, and refused one more")),
    )
    .chain(
        known
            .times
            .iter()
            .map(|times| format!("copies from {} to {}: {}", times.from, times.to, times.sentence())),
    )
    .chain(known.queueing.as_deref().map(|queueing| format!("commands it bears at once: {queueing}")))
    .chain(when)
    .collect()
}
