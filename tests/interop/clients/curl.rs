//! curl does the chores. It knows no trees, so it is given every file by name.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use fxp_testkit::daemon::{PASSWORD, USER};
use fxp_testkit::demand::Missing;

use super::LIMIT;
use super::access::{Access, Mode, Reached, Tls};
use super::chores::{Chores, HALF};

pub(super) fn available() -> Result<(), Missing> {
    let status = Command::new("curl").arg("--version").stdout(Stdio::null()).status();
    status.map(drop).map_err(|_| Missing("curl is not installed".into()))
}

/// Not inside TLS, where curl 7.88 pauses for up to a second at the end of each of the many files.
pub(super) fn trees(access: Access) -> bool {
    access.tls == Tls::None
}

/// Several runs; the first that fails is the one that is told about.
pub(super) fn run(server: &Reached, here: &Path) -> Output {
    let url = |path: &str| url(server, path);
    let (mut up, mut down) = (Vec::new(), Vec::new());
    for name in Chores::tree_files() {
        up.extend(["-T".to_owned(), format!("tree/{name}"), url(&format!("tree-up/{name}"))]);
        down.extend(["-o".to_owned(), format!("tree-down/{name}"), url(&format!("tree/{name}"))]);
    }
    let whole_up = ["-T", "up", &url("up")].map(str::to_owned).to_vec();
    let whole_down = ["-o", "down", &url("down")].map(str::to_owned).to_vec();
    let resumed_up = ["-C", &HALF.to_string(), "-T", "up", &url("partial")].map(str::to_owned).to_vec();
    let resumed_down = ["-C", "-", "-o", "partial-down", &url("down")].map(str::to_owned).to_vec();
    let commands =
        ["RNFR to-rename", "RNTO renamed it", "DELE to-delete", "MKD made", "RMD to-remove"].into_iter();
    let commands = commands.flat_map(|command| ["-Q".to_owned(), command.to_owned()]);
    let commands = commands.chain([url("")]).collect();
    let mut last = None;
    let mut all = vec![whole_up, whole_down, resumed_up, resumed_down, commands];
    if trees(server.access) {
        all.extend([up, down]);
    }
    for arguments in all {
        let output = command(server, here, &arguments);
        let failed = !output.status.success();
        last = Some(output);
        if failed {
            break;
        }
    }
    last.expect("it ran")
}

fn command(server: &Reached, here: &Path, arguments: &[String]) -> Output {
    let mut command = Command::new("timeout");
    command
        .arg(LIMIT.as_secs().to_string())
        .args([
            "curl",
            "--no-progress-meter",
            "--verbose",
            "--globoff",
            "--fail-early",
            "--create-dirs",
            "--ftp-create-dirs",
        ])
        .args(["--user", &format!("{USER}:{PASSWORD}"), "--cacert"])
        .arg(server.authority())
        .current_dir(here)
        .stdin(Stdio::null());
    match server.access.tls {
        Tls::None => {}
        Tls::Explicit(_) | Tls::Implicit(_) => {
            command.arg("--ssl-reqd");
        }
    }
    if let Some(version) = server.version() {
        let number = version.number();
        command.args([&format!("--tlsv{number}"), "--tls-max", number]);
    }
    if server.access.mode == Mode::Active {
        command.args(["--ftp-port", "-"]);
    }
    command.args(arguments).output().expect("curl runs")
}

/// A path in a URL: every byte that might mean something is encoded.
fn url(server: &Reached, path: &str) -> String {
    let scheme = if matches!(server.access.tls, Tls::Implicit(_)) { "ftps" } else { "ftp" };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let path: String = path
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    format!("{scheme}://{}/{path}", server.address())
}
