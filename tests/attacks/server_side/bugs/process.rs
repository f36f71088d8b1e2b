//! What a server's process looks like from outside.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::server::Server;

fn read(server: &Server, file: &str) -> String {
    let path = format!("/proc/{}/{file}", server.process_id());
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}\n{}", server.log()))
}

/// Processor time so far.
pub(super) fn processor_time(server: &Server) -> Duration {
    let stat = read(server, "stat");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    // Fields 14 and 15 of proc(5), in hundredths of a second; the first two are cut off.
    let ticks: u64 = [11, 12].map(|at: usize| fields[at].parse::<u64>().expect("ticks")).iter().sum();
    Duration::from_millis(ticks * 10)
}

/// Ports that it listens on.
pub(super) fn listening(server: &Server) -> BTreeSet<String> {
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", server.process_id())).expect("descriptors");
    let own: BTreeSet<String> = descriptors
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter_map(|target| {
            Some(target.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned())
        })
        .collect();
    ["net/tcp", "net/tcp6"]
        .iter()
        .flat_map(|table| read(server, table).lines().skip(1).map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            (fields[3] == "0A" && own.contains(fields[9])).then(|| fields[1].to_owned())
        })
        .collect()
}

/// Processes that it has started.
pub(super) fn children(server: &Server) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.process_id())).expect("tasks");
    let children =
        tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    children.map(|children| children.split_whitespace().count()).sum()
}

/// A line of `/proc/PID/status`.
pub(super) fn status(server: &Server, key: &str) -> Vec<String> {
    let status = read(server, "status");
    let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("a line");
    line.split_whitespace().map(str::to_owned).collect()
}
