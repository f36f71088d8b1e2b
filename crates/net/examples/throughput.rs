//! How fast one data connection is, and what it costs: a file in memory (`/dev/shm`) to another one,
//! over loopback, one thread at each end.
//!
//! `cargo run --release -p fxp-net --example throughput -- [mib] [rounds] [congestion control]`
//!
//! Prints the best and the median round: GB/s (10^9 bytes), and seconds of CPU per GiB at each end.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use fxp_net::data::{DataOptions, DataStream, Sink, Source};
use fxp_net::listen::secure;
use fxp_net::meter::Meter;
use fxp_net::tls::{DataTls, ServerTls, Versions};
use tokio::net::{TcpListener, TcpStream};

struct Stored {
    file: File,
    end: u64,
    /// May the kernel send or fill the file itself?
    whole: bool,
}

impl Source for Stored {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn file(&self) -> Option<BorrowedFd<'_>> {
        self.whole.then(|| self.file.as_fd())
    }
}

impl Sink for Stored {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.end)?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    fn file(&self) -> Option<(BorrowedFd<'_>, u64)> {
        self.whole.then(|| (self.file.as_fd(), self.end))
    }

    fn advance(&mut self, count: u64) {
        self.end += count;
    }
}

/// Measures nothing but the way to the sink.
struct Forget;

impl Sink for Forget {
    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// How bytes get out of a file or into one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The kernel does it: `sendfile`, `splice`.
    Kernel,
    /// Through our buffers.
    Copy,
    /// They are dropped.
    Nowhere,
}

/// Name, out, in, protection.
type Case = (&'static str, Way, Way, Option<(DataTls, DataTls)>);

struct Round {
    rate: f64,
    sender: f64,
    receiver: f64,
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let size: u64 = arguments.next().map_or(1024, |text| text.parse().expect("mib is a number")) << 20;
    let rounds: usize = arguments.next().map_or(5, |text| text.parse().expect("rounds is a number"));
    let congestion = arguments.next();
    let only = arguments.next();
    let directory = tempfile::tempdir_in("/dev/shm")?;
    let source = directory.path().join("source");
    let mut random = File::open("/dev/urandom")?.take(size);
    io::copy(&mut random, &mut File::create(&source)?)?;

    let chain = rcgen::generate_simple_self_signed(["localhost".to_owned()]).map_err(io::Error::other)?;
    let (certificate, key) = (chain.cert.pem(), chain.signing_key.serialize_pem());
    let server = |versions| {
        let tls = ServerTls::from_pem(certificate.as_bytes(), key.as_bytes());
        tls.map(|tls| tls.with_versions(versions).session()).map_err(io::Error::other)
    };
    let (new, old) = (server(Versions::Only13)?, server(Versions::Only12)?);
    let runtime = tokio::runtime::Runtime::new()?;

    println!(
        "{size} bytes, {rounds} rounds, congestion control: {}",
        congestion.as_deref().unwrap_or("system")
    );
    println!("{:34} {:>6} {:>7} {:>8} {:>9}", "", "best", "median", "sender", "receiver");
    use Way::{Copy, Kernel, Nowhere};
    let cases: [Case; 8] = [
        ("plain, sendfile to splice", Kernel, Kernel, None),
        ("plain, read to splice", Copy, Kernel, None),
        ("plain, sendfile to write", Kernel, Copy, None),
        ("plain, read to write", Copy, Copy, None),
        ("plain, sendfile to nowhere", Kernel, Nowhere, None),
        ("TLS 1.3", Copy, Copy, Some((new.foreign(), new.as_client()))),
        ("TLS 1.2", Copy, Copy, Some((old.foreign(), old.as_client()))),
        ("TLS 1.3, to nowhere", Copy, Nowhere, Some((new.foreign(), new.as_client()))),
    ];
    for (name, way_out, way_in, tls) in cases {
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        let mut results = Vec::new();
        for _ in 0..rounds {
            let (from, to) = runtime.block_on(pair(tls.clone()))?;
            for stream in [&from, &to] {
                stream.apply(&DataOptions { congestion: congestion.clone(), ..DataOptions::default() })?;
            }
            results.push(round(from, to, &source, way_out, way_in, size)?);
        }
        results.sort_by(|one, other| other.rate.total_cmp(&one.rate));
        let (best, median) = (&results[0], &results[rounds / 2]);
        println!(
            "{name:34} {:6.2} {:7.2} {:8.2} {:9.2}",
            best.rate, median.rate, median.sender, median.receiver
        );
        io::stdout().flush()?;
    }
    Ok(())
}

async fn pair(tls: Option<(DataTls, DataTls)>) -> io::Result<(DataStream, DataStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (active, passive) = tokio::join!(TcpStream::connect(listener.local_addr()?), listener.accept());
    let (here, there) = tls.unzip();
    let soon = tokio::time::Instant::now() + Duration::from_secs(10);
    let (one, other) = tokio::join!(
        secure(active?, here, soon, Meter::default()),
        secure(passive?.0, there, soon, Meter::default())
    );
    Ok((one.map_err(io::Error::other)?, other.map_err(io::Error::other)?))
}

fn round(
    from: DataStream,
    to: DataStream,
    path: &Path,
    way_out: Way,
    way_in: Way,
    size: u64,
) -> io::Result<Round> {
    let mut source = Stored { file: File::open(path)?, end: 0, whole: way_out == Way::Kernel };
    let target = path.with_file_name("destination");
    let start = Instant::now();
    let sender = thread::spawn(move || {
        let sent = from.send(&mut source, 0, None, &Arc::default());
        sent.map(|sent| (sent, cpu_seconds()))
    });
    let receiver = thread::spawn(move || {
        let received = if way_in != Way::Nowhere {
            let file = OpenOptions::new().write(true).create_new(true).open(&target)?;
            let mut sink = Stored { file, end: 0, whole: way_in == Way::Kernel };
            to.receive(&mut sink, &Arc::default())
        } else {
            to.receive(&mut Forget, &Arc::default())
        };
        received.map_err(io::Error::other).map(|received| (received, cpu_seconds()))
    });
    let (sent, sender) = sender.join().expect("the sender does not panic").map_err(io::Error::other)?;
    let (received, receiver) = receiver.join().expect("the receiver does not panic")?;
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!((sent, received), (size, size));
    if way_in != Way::Nowhere {
        std::fs::remove_file(path.with_file_name("destination"))?;
    }
    let per_gib = |cpu: f64| cpu * (1 << 30) as f64 / size as f64;
    Ok(Round { rate: size as f64 / seconds / 1e9, sender: per_gib(sender), receiver: per_gib(receiver) })
}

/// CPU time of the calling thread.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e9
}
