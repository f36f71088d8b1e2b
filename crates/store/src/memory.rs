//! A back end in memory: for tests, demonstrations, and as the plainest reading of the traits.
//!
//! A tree of nodes under one lock; file contents have locks of their own ([`content`]), so that a slow
//! transfer holds up nobody and an unlinked file lives on in whoever still reads it, as on a disk.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use self::content::{Budget, Content, Reader, Writer};
use crate::storage::{Create, ReadFile, Result, Storage, StoreError, WriteFile};
use crate::{Entry, FtpTime, Kind, Precision, Text, VPath};

mod content;

/// Links followed on one path before it counts as a loop; Linux's own number.
const MAX_LINKS: usize = 40;

/// The longest name of one file, in bytes; what disks have, so that tests meet the same wall.
const MAX_NAME: usize = 255;

/// Files in memory. Clones share them.
#[derive(Clone)]
pub struct Memory {
    root: Arc<Mutex<Node>>,
    budget: Arc<Budget>,
}

impl Memory {
    /// An empty storage that takes as much as memory does.
    pub fn new() -> Self {
        Memory::with_capacity(u64::MAX)
    }

    /// An empty storage that holds at most `bytes`, counted in blocks of 64 KiB.
    pub fn with_capacity(bytes: u64) -> Self {
        let budget = Arc::new(Budget::new(bytes));
        let root = Node::new(Body::Directory(BTreeMap::new()), 0o755, &budget);
        Memory { root: Arc::new(Mutex::new(root)), budget }
    }

    /// Puts a file there, with the directories above it: for preparing a test.
    ///
    /// # Errors
    ///
    /// As [`Storage::create`].
    pub fn put(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let path = VPath::parse(path.as_bytes()).map_err(|_| StoreError::BadName)?;
        let mut above = VPath::root();
        for name in path.parent().components() {
            above = above.child(name).map_err(|_| StoreError::BadName)?;
            match self.make_directory(&above) {
                Ok(()) | Err(StoreError::Exists) => {}
                Err(error) => return Err(error),
            }
        }
        let mut file = self.create(&path, Create::Replace)?;
        file.write(bytes)?;
        file.finish()
    }

    /// A whole file: for looking at what a test has done. The file must fit into memory twice.
    ///
    /// # Errors
    ///
    /// As [`Storage::open`].
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let path = VPath::parse(path.as_bytes()).map_err(|_| StoreError::BadName)?;
        let mut file = self.open(&path)?;
        let size = usize::try_from(file.size()?).map_err(|_| StoreError::NoSpace)?;
        let mut bytes = vec![0; size];
        let mut filled = 0;
        while filled < size {
            match file.read_at(&mut bytes[filled..], filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Node> {
        lock(&self.root)
    }
}

impl Default for Memory {
    fn default() -> Self {
        Memory::new()
    }
}

impl Storage for Memory {
    fn stat(&self, path: &VPath) -> Result<Entry> {
        let root = self.lock();
        let name = path.name().cloned().unwrap_or_else(|| Text::from("/"));
        let followed = root.resolve(path).and_then(|place| root.find(&place));
        let node = match followed {
            Ok(node) => node,
            Err(error) => match root.find_link(path) {
                Ok(link) => link,
                Err(_) => return Err(error),
            },
        };
        Ok(node.describe(name))
    }

    fn list(&self, path: &VPath, visit: &mut dyn FnMut(Entry) -> bool) -> Result<()> {
        // Described under the lock, visited without it: `visit` may write to a slow socket.
        let entries: Vec<Entry> = {
            let root = self.lock();
            let directory = root.find(&root.resolve(path)?)?.directory()?;
            directory.iter().map(|(name, node)| node.describe(name.clone())).collect()
        };
        for entry in entries {
            if !visit(entry) {
                break;
            }
        }
        Ok(())
    }

    fn open(&self, path: &VPath) -> Result<Box<dyn ReadFile>> {
        let root = self.lock();
        let content = root.find(&root.resolve(path)?)?.file()?;
        Ok(Box::new(Reader::new(content.clone())))
    }

    fn create(&self, path: &VPath, how: Create) -> Result<Box<dyn WriteFile>> {
        let mut root = self.lock();
        let place = root.resolve(path)?;
        if let Ok(node) = root.find(&place) {
            let content = node.file()?.clone();
            return Ok(Box::new(Writer::to_existing(content, how)?));
        }
        if matches!(how, Create::From(_)) {
            return Err(StoreError::NotFound);
        }
        let content = Arc::new(Mutex::new(Content::new(self.budget.clone())));
        root.insert(place, Node::new(Body::File(content.clone()), 0o644, &self.budget))?;
        Ok(Box::new(Writer::to_new(content, how)))
    }

    fn make_directory(&self, path: &VPath) -> Result<()> {
        let mut root = self.lock();
        let place = root.resolve_parent(path)?;
        root.insert(place, Node::new(Body::Directory(BTreeMap::new()), 0o755, &self.budget))
    }

    fn remove_directory(&self, path: &VPath) -> Result<()> {
        let mut root = self.lock();
        let place = root.resolve_parent(path)?;
        match root.find(&place)?.directory()?.is_empty() {
            true => root.remove(place).map(drop),
            false => Err(StoreError::NotEmpty),
        }
    }

    fn delete(&self, path: &VPath) -> Result<()> {
        let mut root = self.lock();
        let place = root.resolve_parent(path)?;
        match root.find(&place)?.body {
            Body::Directory(_) => Err(StoreError::IsDirectory),
            Body::File(_) | Body::Link(_) => root.remove(place).map(drop),
        }
    }

    fn rename(&self, from: &VPath, to: &VPath) -> Result<()> {
        let mut root = self.lock();
        let (from, to) = (root.resolve_parent(from)?, root.resolve_parent(to)?);
        let moving_directory = root.find(&from)?.directory().is_ok();
        if from == to {
            return Ok(());
        }
        if to.starts_with(&from) {
            return Err(StoreError::Denied);
        }
        match root.find(&to).map(|node| &node.body) {
            Ok(Body::Directory(_)) if !moving_directory => return Err(StoreError::IsDirectory),
            Ok(Body::Directory(names)) if !names.is_empty() => return Err(StoreError::NotEmpty),
            Ok(Body::File(_) | Body::Link(_)) if moving_directory => return Err(StoreError::NotDirectory),
            Ok(_) => drop(root.remove(to.clone())?),
            Err(_) => {}
        }
        let node = root.remove(from)?;
        root.insert(to, node)
    }

    fn set_time(&self, path: &VPath, time: FtpTime) -> Result<()> {
        let mut root = self.lock();
        let place = root.resolve(path)?;
        let node = root.find_mut(&place)?;
        match &node.body {
            Body::File(content) => lock(content).modified = time,
            Body::Directory(_) | Body::Link(_) => node.modified = time,
        }
        Ok(())
    }

    fn set_mode(&self, path: &VPath, mode: u32) -> Result<()> {
        if mode > 0o777 {
            return Err(StoreError::Denied);
        }
        let mut root = self.lock();
        let place = root.resolve(path)?;
        root.find_mut(&place)?.mode = mode;
        Ok(())
    }

    fn symlink(&self, target: &Text, link: &VPath) -> Result<()> {
        if target.is_empty() {
            return Err(StoreError::BadName);
        }
        let mut root = self.lock();
        let place = root.resolve_parent(link)?;
        root.insert(place, Node::new(Body::Link(target.clone()), 0o777, &self.budget))
    }

    fn space(&self, path: &VPath) -> Result<u64> {
        let root = self.lock();
        root.find(&root.resolve(path)?)?;
        Ok(self.budget.free())
    }
}

/// A name in the tree.
struct Node {
    body: Body,
    mode: u32,
    /// Of directories and links; a file's time sits with its content, which changes it.
    modified: FtpTime,
    number: u64,
}

enum Body {
    Directory(BTreeMap<Text, Node>),
    File(Arc<Mutex<Content>>),
    Link(Text),
}

/// Names from the root down, with no link among those that were followed.
type Place = Vec<Text>;

impl Node {
    fn new(body: Body, mode: u32, budget: &Budget) -> Self {
        Node { body, mode, modified: now(), number: budget.next_number() }
    }

    fn describe(&self, name: Text) -> Entry {
        let (kind, size, modified) = match &self.body {
            Body::Directory(_) => (Kind::Directory, None, self.modified),
            Body::Link(target) => (Kind::Symlink(Some(target.clone())), None, self.modified),
            Body::File(content) => {
                let content = lock(content);
                (Kind::File, Some(content.size()), content.modified)
            }
        };
        Entry {
            size,
            modified: Some((modified, Precision::Second)),
            mode: Some(self.mode),
            unique: Some(Text::lossy(format!("m{:x}", self.number))),
            links: Some(1),
            ..Entry::new(name, kind)
        }
    }

    /// Where `path` leads when every link is followed. All but the last name exist.
    fn resolve(&self, path: &VPath) -> Result<Place> {
        self.walk(path.components().iter().cloned().collect())
    }

    /// The same without following the last name; the root has none to speak of.
    fn resolve_parent(&self, path: &VPath) -> Result<Place> {
        let name = path.name().ok_or(StoreError::Denied)?;
        if name.len() > MAX_NAME {
            return Err(StoreError::BadName);
        }
        let mut place = self.resolve(&path.parent())?;
        self.find(&place)?.directory()?;
        place.push(name.clone());
        Ok(place)
    }

    fn walk(&self, mut ahead: VecDeque<Text>) -> Result<Place> {
        let mut place = Place::new();
        let mut links = 0;
        while let Some(name) = ahead.pop_front() {
            match name.as_bytes() {
                b"" | b"." => continue,
                b".." => {
                    place.pop();
                    continue;
                }
                _ => {}
            }
            let directory = self.find(&place)?.directory()?;
            let Some(Node { body: Body::Link(target), .. }) = directory.get(&name) else {
                place.push(name);
                continue;
            };
            links += 1;
            if links > MAX_LINKS {
                return Err(StoreError::Denied);
            }
            if target.as_bytes().starts_with(b"/") {
                place.clear();
            }
            for part in target.as_bytes().rsplit(|&byte| byte == b'/') {
                ahead.push_front(Text::lossy(part));
            }
        }
        Ok(place)
    }

    fn find(&self, place: &[Text]) -> Result<&Node> {
        let mut node = self;
        for name in place {
            node = node.directory()?.get(name).ok_or(StoreError::NotFound)?;
        }
        Ok(node)
    }

    fn find_mut(&mut self, place: &[Text]) -> Result<&mut Node> {
        let mut node = self;
        for name in place {
            node = node.directory_mut()?.get_mut(name).ok_or(StoreError::NotFound)?;
        }
        Ok(node)
    }

    /// The link that `path` itself names.
    fn find_link(&self, path: &VPath) -> Result<&Node> {
        match self.find(&self.resolve_parent(path)?)? {
            link @ Node { body: Body::Link(_), .. } => Ok(link),
            _ => Err(StoreError::NotFound),
        }
    }

    fn insert(&mut self, mut place: Place, node: Node) -> Result<()> {
        let name = place.pop().ok_or(StoreError::Exists)?;
        if name.len() > MAX_NAME {
            return Err(StoreError::BadName);
        }
        let above = self.find_mut(&place)?;
        let names = above.directory_mut()?;
        if names.contains_key(&name) {
            return Err(StoreError::Exists);
        }
        names.insert(name, node);
        above.modified = now();
        Ok(())
    }

    fn remove(&mut self, mut place: Place) -> Result<Node> {
        let name = place.pop().ok_or(StoreError::Denied)?;
        let above = self.find_mut(&place)?;
        let node = above.directory_mut()?.remove(&name).ok_or(StoreError::NotFound)?;
        above.modified = now();
        Ok(node)
    }

    fn directory(&self) -> Result<&BTreeMap<Text, Node>> {
        match &self.body {
            Body::Directory(names) => Ok(names),
            Body::File(_) | Body::Link(_) => Err(StoreError::NotDirectory),
        }
    }

    fn directory_mut(&mut self) -> Result<&mut BTreeMap<Text, Node>> {
        match &mut self.body {
            Body::Directory(names) => Ok(names),
            Body::File(_) | Body::Link(_) => Err(StoreError::NotDirectory),
        }
    }

    fn file(&self) -> Result<&Arc<Mutex<Content>>> {
        match &self.body {
            Body::File(content) => Ok(content),
            Body::Directory(_) => Err(StoreError::IsDirectory),
            Body::Link(_) => Err(StoreError::Denied),
        }
    }
}

fn now() -> FtpTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    FtpTime { seconds: since.as_secs().cast_signed(), nanoseconds: since.subsec_nanos() }
}

/// A thread that panicked elsewhere leaves data as whole as any half-done write does.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
