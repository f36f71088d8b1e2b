//! A source that plays TLS client: many servers then lose the end of a file under TLS 1.3, often under 226 from both.
//! Every such copy is made ten times, and whatever comes of it, `fxp` never calls a file done that is not.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use fxp_testkit::daemon::Product;
use fxp_testkit::data;

use crate::AT_ONCE;
use crate::cell::IMPOSSIBLE;
use crate::grounds::{FILE, Grounds, Role};
use crate::servers::Kind;

/// How often each copy is made: what truncates does so now and then.
const TIMES: usize = 10;
/// The longest that one may take, with all the attempts that `fxp` makes by itself.
const LIMIT: Duration = Duration::from_secs(40);
/// Source and destination differ after the copy.
const DIFFERS: i32 = 9;
/// Network trouble.
const NETWORK: i32 = 7;
/// What `timeout` says of a command that it had to end.
const TIMED_OUT: i32 = 124;
/// What became of one that did not end at once when it was told to.
const KILLED: i32 = -1;

/// One way in which the source is TLS client.
#[derive(Clone, Copy, Debug)]
struct Way {
    source: Product,
    destination: Product,
    passive: &'static str,
    method: &'static str,
}

/// Every way there is, for every source that can play TLS client.
fn ways() -> Vec<Way> {
    let able: [(Product, &[(&'static str, &'static str)]); 2] = [
        (Product::Fxpd, &[("source", "cpsv"), ("source", "sscn"), ("destination", "sscn")]),
        (Product::Proftpd, &[("source", "sscn"), ("destination", "sscn")]),
    ];
    let mut ways = Vec::new();
    for (source, roles) in able {
        for destination in Product::ALL {
            for &(passive, method) in roles {
                ways.push(Way { source, destination, passive, method });
            }
        }
    }
    ways
}

/// Makes all copies; what must not be, each in a paragraph.
pub(crate) fn run(grounds: &Grounds) -> Vec<String> {
    let ways = ways();
    let jobs: Vec<(usize, usize)> =
        (0..TIMES).flat_map(|time| (0..ways.len()).map(move |way| (way, time))).collect();
    let next = AtomicUsize::new(0);
    let (wrong, tally) = (Mutex::new(Vec::new()), Mutex::new(BTreeMap::<usize, [usize; 2]>::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(&(way, time)) = jobs.get(next.fetch_add(1, Relaxed)) {
                    match once(grounds, ways[way], way, time) {
                        Ok(whole) => {
                            tally.lock().expect("not poisoned").entry(way).or_default()
                                [usize::from(!whole)] += 1;
                        }
                        Err(why) => {
                            wrong.lock().expect("not poisoned").push(format!("{:?}: {why}", ways[way]))
                        }
                    }
                }
            });
        }
    });
    for (way, [whole, broken]) in tally.into_inner().expect("not poisoned") {
        let Way { source, destination, passive, method } = ways[way];
        eprintln!(
            "{source} > {destination}, {method}, passive {passive}, TLS client source: {whole} whole, {broken} given up"
        );
    }
    wrong.into_inner().expect("not poisoned")
}

/// One copy: true if it is whole, false if `fxp` says that it is not.
fn once(grounds: &Grounds, way: Way, number: usize, time: usize) -> Result<bool, String> {
    let kind = |product| Kind { product, fxp: true };
    let source = grounds.server(kind(way.source), Role::Source, false);
    let destination = grounds.server(kind(way.destination), Role::Destination, false);
    let name = format!("truncation-{number}-{time}");
    let (from, to) = (source.url(FILE), destination.url(&name));
    let ran = grounds.fxp(
        &[
            "--json",
            "cp",
            "--tls",
            "require",
            "--tls-client",
            "source",
            "--passive",
            way.passive,
            "--method",
            way.method,
            "--verify",
            "size",
            &from,
            &to,
        ],
        LIMIT,
    );
    let copy = destination.root.join(&name);
    match ran.code {
        0 => {
            let seen = data::sha256(&copy).map_err(|error| error.to_string())?;
            std::fs::remove_file(&copy).map_err(|error| error.to_string())?;
            match seen == grounds.digest {
                true => Ok(true),
                false => Err(format!("fxp says done, and the copy differs\n{}", ran.stdout)),
            }
        }
        _ if copy.exists() => Err(format!("given up, and something stands there\n{}", ran.stdout)),
        // What broke off or arrived short is a network's trouble, or a copy that differs.
        DIFFERS | NETWORK => Ok(false),
        // It resets a connection now and then, which fxpd tells nobody from one that never stood.
        IMPOSSIBLE if way.destination == Product::Pyftpdlib => Ok(false),
        // It stands still now and then, and fxp is still waiting for it.
        TIMED_OUT | KILLED if way.destination == Product::Pyftpdlib => Ok(false),
        code => Err(format!("exit code {code}\n{}{}", ran.stdout, ran.stderr)),
    }
}
