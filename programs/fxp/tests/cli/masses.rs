//! So many files that whoever keeps all of them in mind is found out: the trees do not exist, a storage makes them up
//! when it is asked, and the most memory that `fxp` ever had is looked at.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use fxp_proto::listing::entry::{Entry, Kind as What, Precision};
use fxp_proto::listing::time::FtpTime;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;
use fxp_store::layer::Layer;
use fxp_store::memory::Memory;
use fxp_store::storage::{Result, Storage, StoreError};

use crate::Machine;
use crate::servers::{Kind, Server};

/// Directories in `tree`, and files in each of them.
const TREE: [usize; 2] = [150, 1000];

/// Files in `wide`, a single directory.
const WIDE: usize = 100_000;

/// What a run may have at most, in KiB. It needs less than that for a million files; with
/// some 400 bytes kept of each file, it would have more here.
const MOST: u64 = 100 * 1024;

/// What may be kept of each file where something has to be, in bytes: little more than its path and its digest.
const EACH: u64 = 200;

#[test]
fn a_tree_of_any_size_is_compared_in_little_memory() {
    let (source, destination, machine) = world();
    let papers = ["report", "manifest"].map(|name| machine.home().join(name).display().to_string());
    let arguments = ["--json", "sync", "--report", &papers[0], "--manifest", &papers[1]];
    let peak = peak(&machine, &[&arguments[..], &[&source.url("tree/"), &destination.url("tree/")]].concat());
    assert!(peak < MOST, "{peak} KiB");
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&papers[0]).expect("a report")).expect("JSON");
    assert_eq!(report["summary"]["unchanged"], TREE[0] * TREE[1], "{}", report["summary"]);
}

#[test]
fn a_directory_of_any_size_is_planned_in_little_memory() {
    let (source, destination, machine) = world();
    let peak = peak(&machine, &["cp", "-n", "-r", &source.url("wide"), &destination.url("new")]);
    assert!(peak < MOST, "{peak} KiB");
}

#[test]
fn what_waits_to_be_deleted_needs_little_memory() {
    let (source, destination, machine) = world();
    let limit = ["sync", "-n", "--delete", "--delete-limit", "1000000"];
    let places = [source.url("none/"), destination.url("tree/")];
    assert_kept(&machine, &[&limit[..], &[&places[0], &places[1]]].concat(), &places[1]);
}

#[test]
fn a_manifest_of_any_size_is_compared_in_little_memory() {
    let (source, _, machine) = world();
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let line = |path: String| {
        format!("{{\"path\":\"{path}\",\"size\":0,\"algorithm\":\"SHA-256\",\"digest\":\"{digest}\"}}\n")
    };
    let lines: String = (0..TREE[0])
        .flat_map(|directory| (0..TREE[1]).map(move |file| format!("{}/{}", name(directory), name(file))))
        .map(line)
        .collect();
    let manifest = machine.home().join("manifest");
    std::fs::write(&manifest, lines).expect("written");
    let manifest = manifest.display().to_string();
    let place = source.url("tree");
    assert_kept(&machine, &["check", "--size-only", "--manifest", &manifest, &place], &place);
}

fn world() -> (Server, Server, Machine) {
    let [source, destination] =
        [2, 3].map(|last| Server::with_storage(last, Kind::PLAIN, Arc::new(MadeUp::default())));
    let machine = Machine::that_knows(&[&source, &destination]);
    (source, destination, machine)
}

/// A command has to keep something of each file of a tree, and no more than it needs: it is compared with a mere walk.
fn assert_kept(machine: &Machine, arguments: &[&str], tree: &str) {
    let (keeps, walks) = (peak(machine, arguments), peak(machine, &["du", "-s", tree]));
    let most = walks + (TREE[0] * TREE[1]) as u64 * EACH / 1024;
    assert!(keeps < most, "{keeps} KiB, where {walks} are enough to walk");
}

/// The most memory that a command ever had, in KiB; it has to end well.
fn peak(machine: &Machine, arguments: &[&str]) -> u64 {
    let mut command = machine.command(&[&["--tls", "off"], arguments].concat());
    let mut fxp = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("fxp starts");
    let status = format!("/proc/{}/status", fxp.id());
    let mut peak = 0;
    while fxp.try_wait().expect("it is ours").is_none() {
        // The system remembers the most of a process as long as it lives, so a look now and then is enough.
        peak = high_water(&status).unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(5));
    }
    let ended = fxp.wait_with_output().expect("it has ended");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(peak > 1024, "nobody has looked");
    println!("{peak} KiB: fxp {}", arguments.join(" "));
    peak
}

/// Nothing of a process that has just ended.
fn high_water(status: &str) -> Option<u64> {
    let status = std::fs::read_to_string(status).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn name(number: usize) -> String {
    format!("a-name-of-usual-length-{number:06}")
}

/// A storage that makes up its listings.
#[derive(Default)]
struct MadeUp {
    nothing: Memory,
}

impl MadeUp {
    fn entry(name: Text, kind: What) -> Entry {
        let mut entry = Entry::new(name, kind);
        entry.size = Some(0);
        let time = FtpTime { seconds: 1_700_000_000, nanoseconds: 0 };
        entry.modified = Some((time, Precision::Second));
        entry
    }

    /// What is in a directory.
    fn contents(path: &VPath) -> Option<(usize, What)> {
        let names: Vec<&[u8]> = path.components().iter().map(Text::as_bytes).collect();
        match names.as_slice() {
            [b"tree"] => Some((TREE[0], What::Directory)),
            [b"tree", _] => Some((TREE[1], What::File)),
            [b"wide"] => Some((WIDE, What::File)),
            [b"none"] | [] => Some((0, What::File)),
            _ => None,
        }
    }
}

impl Layer for MadeUp {
    fn below(&self) -> &dyn Storage {
        &self.nothing
    }

    fn stat(&self, path: &VPath) -> Result<Entry> {
        let name = path.name().cloned().unwrap_or_else(|| "/".into());
        match MadeUp::contents(path) {
            Some(_) => Ok(MadeUp::entry(name, What::Directory)),
            None => Err(StoreError::NotFound),
        }
    }

    fn list(&self, path: &VPath, visit: &mut dyn FnMut(Entry) -> bool) -> Result<()> {
        let (count, kind) = MadeUp::contents(path).ok_or(StoreError::NotFound)?;
        for number in 0..count {
            if !visit(MadeUp::entry(Text::lossy(name(number)), kind.clone())) {
                break;
            }
        }
        Ok(())
    }
}
