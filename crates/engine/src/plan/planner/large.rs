//! A tree of 200 000 files, none of which exists: how many of them are in memory at once is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;
use fxp_store::layer::Layer;
use fxp_store::memory::Memory;
use fxp_store::storage::{Result, Storage, StoreError};

use super::*;
use crate::side::LocalFiles;
use crate::testing;

/// Directories of the first level, of the second level in each, and files in each of those.
const SHAPE: [usize; 3] = [20, 20, 500];

/// A storage that makes up its listings.
struct Endless {
    /// Files that were listed.
    listed: AtomicUsize,
    nothing: Memory,
}

impl Layer for Endless {
    fn below(&self) -> &dyn Storage {
        &self.nothing
    }

    fn stat(&self, path: &VPath) -> Result<Entry> {
        match path.components().first().map(Text::as_bytes) {
            Some(b"s") => Ok(Entry::new("s".into(), Kind::Directory)),
            _ if path.components().len() == 1 => Ok(Entry::new("d".into(), Kind::Directory)),
            _ => Err(StoreError::NotFound),
        }
    }

    fn list(&self, path: &VPath, visit: &mut dyn FnMut(Entry) -> bool) -> Result<()> {
        if path.components().first().map(Text::as_bytes) != Some(b"s") {
            return Ok(());
        }
        let depth = path.components().len() - 1;
        let kind = if depth == 2 { Kind::File } else { Kind::Directory };
        for number in 0..SHAPE[depth] {
            self.listed.fetch_add(usize::from(depth == 2), Ordering::SeqCst);
            visit(Entry::new(Text::lossy(format!("{number:03}")), kind.clone()));
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_plan_holds_a_few_directories_and_not_the_tree() {
    let storage = Arc::new(Endless { listed: AtomicUsize::new(0), nothing: Memory::new() });
    let side = |leg| Side::Local(LocalFiles { storage: storage.clone(), leg });
    let (mut sources, mut destination) = (vec![side(Leg::Source)], side(Leg::Destination));
    let origins = [Origin { side: 0, path: VPath::parse(b"/s").expect("a path"), contents: true }];
    let goal = Goal { path: VPath::parse(b"/d").expect("a path"), contents: true };
    let wish = Wish { recursive: true, ..Wish::default() };
    let prepared = prepare(&mut sources, &origins, &mut destination, &goal, &wish).await.expect("prepared");
    let places = Places::new(sources, destination);
    let (items, mut received) = channel(10);
    let stop = testing::go_on();
    let (mut files, mut directories, mut most) = (0, 0, 0);
    let listen = async {
        while let Some(item) = received.recv().await {
            match item {
                Item::Step(_) => files += 1,
                Item::Directory(_) => directories += 1,
                other => panic!("{other:?}"),
            }
            most = most.max(storage.listed.load(Ordering::SeqCst) - files);
        }
    };
    let (ended, ()) = tokio::join!(stream(&places, prepared, &wish, &stop, items), listen);
    ended.expect("planned");
    assert_eq!((files, directories), (SHAPE.iter().product(), SHAPE[0] + SHAPE[0] * SHAPE[1]));
    // The directories that are listed ahead, and what is on its way to the listener.
    assert!(most <= 40 * SHAPE[2], "{most} files were known and not yet told");
}
