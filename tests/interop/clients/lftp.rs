//! lftp does the chores.

use std::path::Path;
use std::process::Output;

use fxp_testkit::daemon::{PASSWORD, USER};
use fxp_testkit::lftp;

use super::LIMIT;
use super::access::{Mode, Reached, Tls, Version};

pub(super) fn run(server: &Reached, here: &Path) -> Output {
    let tls = match server.access.tls {
        Tls::None => "set ftp:ssl-allow no;",
        Tls::Explicit(_) | Tls::Implicit(_) => "set ftp:ssl-force yes; set ftp:ssl-protect-data yes;",
    };
    // GnuTLS's own language.
    let version = match server.version() {
        None => "",
        Some(Version::V12) => "set ssl:priority NORMAL:-VERS-ALL:+VERS-TLS1.2;",
        Some(Version::V13) => "set ssl:priority NORMAL:-VERS-ALL:+VERS-TLS1.3;",
    };
    let scheme = if matches!(server.access.tls, Tls::Implicit(_)) { "ftps" } else { "ftp" };
    let script = format!(
        "{tls} {version} set ssl:verify-certificate yes; set ssl:ca-file {authority}; set ssl:check-hostname no; \
         set ftp:passive-mode {passive}; set ftp:use-stat yes; set xfer:clobber yes; set mirror:set-permissions no; \
         debug 5; open -u {USER},{PASSWORD} {scheme}://{address}; lcd {here}; \
         put up; get down; put -c up -o partial; get -c down -o partial-down; \
         mirror -R tree tree-up; mirror tree tree-down; \
         mv to-rename \"renamed it\"; rm to-delete; mkdir made; rmdir to-remove; \
         cls -1; bye",
        authority = server.authority().display(),
        passive = server.access.mode == Mode::Passive,
        address = server.address(),
        here = here.display(),
    );
    lftp::run(&script, LIMIT).expect("lftp runs")
}
