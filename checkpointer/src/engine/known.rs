//! What is known of the series of a log, found again by their names. The records of a log repeat in
//! the order of the collector: the names that followed last time are compared first.

use std::collections::HashMap;
use std::ops::Range;

use wal_format::Names;

#[derive(Debug)]
pub(crate) struct Known<T> {
    entries: Vec<Entry<T>>,
    /// The names of all entries, one behind the other: they are read in this order again and again.
    names: Vec<u8>,
    by_names: HashMap<Box<[u8]>, usize>,
    /// The entry that was found last.
    last: usize,
}

#[derive(Debug)]
struct Entry<T> {
    names: Range<usize>,
    /// What was found after it.
    next: usize,
    value: T,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), names: Vec::new(), by_names: HashMap::new(), last: 0 }
    }
}

impl<T> Known<T> {
    /// What is known of these names; `make` makes it when they are new.
    #[inline]
    pub(crate) fn find(&mut self, names: Names<'_>, make: impl FnOnce() -> T) -> Option<&mut T> {
        let bytes = names.as_bytes();
        let expected = self.entries.get(self.last).map_or(0, |entry| entry.next);
        let at = if self.is_at(expected, bytes) { expected } else { self.look_up(bytes, make) };
        self.last = at;
        self.entries.get_mut(at).map(|entry| &mut entry.value)
    }

    fn is_at(&self, at: usize, names: &[u8]) -> bool {
        let Some(entry) = self.entries.get(at) else { return false };
        self.names.get(entry.names.clone()) == Some(names)
    }

    #[cold]
    fn look_up(&mut self, bytes: &[u8], make: impl FnOnce() -> T) -> usize {
        let new = self.entries.len();
        let at = self.by_names.get(bytes).copied().unwrap_or(new);
        if at == new {
            self.by_names.insert(bytes.into(), at);
            let from = self.names.len();
            self.names.extend_from_slice(bytes);
            // After the newest, the first comes again.
            self.entries.push(Entry { names: from..self.names.len(), next: 0, value: make() });
        }
        if let Some(last) = self.entries.get_mut(self.last) {
            last.next = at;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wal_format::NamesBuf;

    #[test]
    fn every_name_is_found_again_whatever_the_order() {
        let names: Vec<_> = (0..40).map(|k| NamesBuf::new("m", [k.to_string()]).unwrap()).collect();
        let mut known = Known::default();
        let mut made = 0;
        let mut order: Vec<usize> = (0..40).chain(0..40).chain((0..40).rev()).collect();
        order.extend((0..400).map(|k| k * 7 % 40));
        for index in order {
            let value = *known
                .find(names[index].as_names(), || {
                    made += 1;
                    index
                })
                .unwrap();
            assert_eq!(value, index);
        }
        assert_eq!(made, 40);
    }
}
