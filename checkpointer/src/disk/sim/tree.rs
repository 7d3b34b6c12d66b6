//! Directories: which names are seen, which are durable, and what changes wait between the two.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::contents::Contents;
use super::crash::{Crash, Sector, Survival, surviving};
use super::random::Random;

/// Locks whatever a panicking test has left.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a name stands for. Clones are the same file or directory: what was removed lives on where it
/// is open, or where its removal is not durable.
#[derive(Clone, Debug)]
pub(super) enum Node {
    File(Arc<Mutex<Contents>>),
    Directory(Arc<Mutex<Directory>>),
}

impl Node {
    pub(super) fn new_file(contents: Contents) -> Self {
        Self::File(Arc::new(Mutex::new(contents)))
    }

    pub(super) fn new_directory() -> Self {
        Self::Directory(Arc::default())
    }

    fn is(&self, other: &Self) -> bool {
        self.address() == other.address()
    }

    fn address(&self) -> usize {
        match self {
            Self::File(file) => Arc::as_ptr(file).addr(),
            Self::Directory(directory) => Arc::as_ptr(directory).addr(),
        }
    }
}

type Names = BTreeMap<String, Node>;

/// A change of the names in one directory.
#[derive(Clone, Debug)]
struct Change {
    from: Option<String>,
    to: Option<String>,
    node: Node,
}

impl Change {
    /// A name that stands for something else by now, because another change was lost, stays.
    fn apply(&self, names: &mut Names) {
        if let Some(from) = &self.from
            && names.get(from).is_some_and(|node| node.is(&self.node))
        {
            names.remove(from);
        }
        if let Some(to) = &self.to {
            names.insert(to.clone(), self.node.clone());
        }
    }
}

/// One directory.
#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    visible: Names,
    durable: Names,
    pending: Vec<Change>,
    pub(super) locked: bool,
}

impl Directory {
    pub(super) fn names(&self) -> &BTreeMap<String, Node> {
        &self.visible
    }

    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.visible.get(name)
    }

    pub(super) fn create(&mut self, name: &str, node: Node) {
        self.change(Change { from: None, to: Some(name.to_owned()), node });
    }

    /// Puts a name there that is durable at once; what else is pending stays so.
    pub(super) fn plant(&mut self, name: &str, node: Node) {
        self.visible.insert(name.to_owned(), node.clone());
        self.durable.insert(name.to_owned(), node);
    }

    /// Removes the file `name` and returns it.
    pub(super) fn remove(&mut self, name: &str) -> io::Result<Arc<Mutex<Contents>>> {
        match self.get(name).cloned() {
            None => Err(io::ErrorKind::NotFound.into()),
            Some(Node::Directory(_)) => Err(io::ErrorKind::IsADirectory.into()),
            Some(Node::File(file)) => {
                let node = Node::File(Arc::clone(&file));
                self.change(Change { from: Some(name.to_owned()), to: None, node });
                Ok(file)
            }
        }
    }

    /// Renames as rename(2) does, and returns the file that lost its name to the renamed one.
    pub(super) fn rename(
        &mut self,
        from: &str,
        to: &str,
    ) -> io::Result<Option<Arc<Mutex<Contents>>>> {
        let node = self.get(from).cloned().ok_or(io::ErrorKind::NotFound)?;
        let mut replaced = None;
        match (&node, self.get(to)) {
            (_, Some(target)) if target.is(&node) => return Ok(None),
            (Node::File(_), Some(Node::Directory(_))) => {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            (Node::Directory(_), Some(Node::File(_))) => {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            (Node::Directory(_), Some(Node::Directory(target))) => {
                if !lock(target).visible.is_empty() {
                    return Err(io::ErrorKind::DirectoryNotEmpty.into());
                }
            }
            (Node::File(_), Some(Node::File(target))) => replaced = Some(Arc::clone(target)),
            (_, None) => {}
        }
        self.change(Change { from: Some(from.to_owned()), to: Some(to.to_owned()), node });
        Ok(replaced)
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.visible);
        self.pending.push(change);
    }
}

/// The directory `path` below `root`; `""` is `root` itself.
pub(super) fn find_directory(
    root: &Arc<Mutex<Directory>>,
    path: &str,
) -> io::Result<Arc<Mutex<Directory>>> {
    let mut directory = Arc::clone(root);
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let next = lock(&directory).get(name).cloned();
        directory = match next {
            None => return Err(io::ErrorKind::NotFound.into()),
            Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
            Some(Node::Directory(next)) => next,
        };
    }
    Ok(directory)
}

/// Every file below `directory` with its path, in order.
pub(super) fn files_below(
    directory: &Arc<Mutex<Directory>>,
) -> Vec<(String, Arc<Mutex<Contents>>)> {
    let mut files = Vec::new();
    let mut left = vec![(String::new(), Node::Directory(Arc::clone(directory)))];
    while let Some((path, node)) = left.pop() {
        match node {
            Node::File(file) => files.push((path, file)),
            Node::Directory(directory) => {
                let prefix = if path.is_empty() { path } else { path + "/" };
                let names = &lock(&directory).visible;
                left.extend(
                    names.iter().rev().map(|(name, node)| (prefix.clone() + name, node.clone())),
                );
            }
        }
    }
    files
}

/// Copies a tree as a crash leaves it.
pub(super) struct Wreck {
    crash: Crash,
    random: Random,
    /// By the address of the original: what had two names still is one file.
    copies: HashMap<usize, Node>,
}

impl Wreck {
    pub(super) fn of(
        root: &Arc<Mutex<Directory>>,
        crash: Crash,
        random: Random,
    ) -> Arc<Mutex<Directory>> {
        let mut wreck = Self { crash, random, copies: HashMap::new() };
        Arc::new(Mutex::new(wreck.directory(&lock(root))))
    }

    fn directory(&mut self, original: &Directory) -> Directory {
        match self.crash {
            Crash::Kill => Directory {
                visible: self.names(&original.visible),
                durable: self.names(&original.durable),
                pending: original.pending.iter().map(|change| self.change(change)).collect(),
                locked: false,
            },
            Crash::PowerLoss(survival, _) => {
                let mut names = original.durable.clone();
                for change in surviving(&original.pending, survival, &mut self.random) {
                    change.apply(&mut names);
                }
                let names = self.names(&names);
                Directory { visible: names.clone(), durable: names, ..Directory::default() }
            }
        }
    }

    fn names(&mut self, originals: &Names) -> Names {
        originals.iter().map(|(name, node)| (name.clone(), self.node(node))).collect()
    }

    fn change(&mut self, original: &Change) -> Change {
        Change { node: self.node(&original.node), ..original.clone() }
    }

    fn node(&mut self, original: &Node) -> Node {
        if let Some(copy) = self.copies.get(&original.address()) {
            return copy.clone();
        }
        let copy = match original {
            Node::File(file) => Node::new_file(self.file(&lock(file))),
            Node::Directory(directory) => {
                Node::Directory(Arc::new(Mutex::new(self.directory(&lock(directory)))))
            }
        };
        self.copies.insert(original.address(), copy.clone());
        copy
    }

    fn file(&mut self, original: &Contents) -> Contents {
        match self.crash {
            Crash::Kill => original.clone(),
            Crash::PowerLoss(survival, sector) => {
                self.file_after_power_loss(original, survival, sector)
            }
        }
    }

    fn file_after_power_loss(
        &mut self,
        original: &Contents,
        survival: Survival,
        sector: Sector,
    ) -> Contents {
        original.after_power_loss(survival, sector, &mut self.random)
    }
}
