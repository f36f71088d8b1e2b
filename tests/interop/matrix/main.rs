//! Every server with every server: the compatibility matrix.
//!
//! Five products, each once with FXP allowed and once as it comes, on hosts of their own, in clear and inside TLS,
//! over IPv4 and IPv6. For each ordered pair one cell: the copy succeeds and is what it should be, or `fxp` says why
//! it cannot, and then `--via relay` succeeds. What should come of each cell stands in `expected.txt`; what came of
//! it goes into `docs/compatibility.md`.
#![forbid(unsafe_code)]

mod cell;
mod certificates;
#[path = "../../common/fxp.rs"]
mod fxp;
mod grounds;
#[path = "../../common/lab.rs"]
mod lab;
#[path = "../../common/namespace.rs"]
mod namespace;
mod network;
mod page;
#[path = "../../common/server.rs"]
mod server;
mod servers;
mod table;
mod truncation;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use cell::{Cell, Outcome};
use fxp_testkit::demand::demand;
use grounds::Grounds;
use servers::{KINDS, WORLDS};
use table::Table;

/// How many cells run at once.
const AT_ONCE: usize = 4;
/// The longest that all cells may take.
const PATIENCE: Duration = Duration::from_secs(25 * 60);

#[test]
fn every_pair_copies_or_says_why_not() {
    let Some(grounds) = demand("the matrix", Grounds::new()) else { return };
    let begin = Instant::now();
    let observed = run(&grounds);
    eprintln!("matrix: {} cells in {:?}", observed.len(), begin.elapsed());
    let truncated = truncation::run(&grounds);
    eprintln!("matrix: all of it in {:?}", begin.elapsed());
    let shown = certificates::run(&grounds);
    let observed = Table::new(observed);
    page::write(&observed, &shown);
    table::compare(&observed);
    assert!(truncated.is_empty(), "{}", truncated.join("\n\n"));
    assert!(begin.elapsed() < PATIENCE, "it took {:?}", begin.elapsed());
}

/// Runs all cells, a few at a time, in the order of the table.
fn run(grounds: &Grounds) -> Vec<(Cell, Outcome)> {
    let cells: Vec<Cell> = KINDS
        .iter()
        .flat_map(|&source| KINDS.iter().map(move |&destination| (source, destination)))
        .flat_map(|(source, destination)| WORLDS.map(|world| Cell { source, destination, world }))
        .filter(Cell::is_wanted)
        .collect();
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(cell) = cells.get(next.fetch_add(1, Relaxed)) {
                    let outcome = cell.run(grounds);
                    outcomes.lock().expect("not poisoned").push((*cell, outcome));
                }
            });
        }
    });
    outcomes.into_inner().expect("not poisoned")
}
