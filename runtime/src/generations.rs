//! [`Generations`]: a map that forgets what has not been used for long, for caches that must not grow without bound.

use rustc_hash::{FxBuildHasher, FxHashMap};
use std::hash::Hash;

/// A map whose entries weigh together at most a capacity, or are two, if two are heavier.
///
/// Entries are in one of two generations. New ones join the young, and so do old ones that are found. When the young
/// reaches half of the capacity it becomes the old, and what the old one still held is forgotten: so what is used stays,
/// and no entry is moved or looked at for the sake of another.
pub struct Generations<K, V> {
    young: FxHashMap<K, (V, usize)>,
    old: FxHashMap<K, (V, usize)>,
    /// Weight of the young.
    weight: usize,
    capacity: usize,
}

impl<K: Hash + Eq, V> Generations<K, V> {
    /// An empty map.
    pub const fn new(capacity: usize) -> Generations<K, V> {
        Generations {
            young: FxHashMap::with_hasher(FxBuildHasher),
            old: FxHashMap::with_hasher(FxBuildHasher),
            weight: 0,
            capacity,
        }
    }

    /// The value of a key that is still known.
    pub fn get(&mut self, key: &K) -> Option<&V> {
        if let Some((key, (value, weight))) = self.old.remove_entry(key) {
            self.insert(key, value, weight);
        }
        self.young.get(key).map(|(value, _)| value)
    }

    /// Sets the value of a key; `weight` is its part of the capacity.
    pub fn insert(&mut self, key: K, value: V, weight: usize) {
        self.old.remove(&key);
        self.weight -= self.young.remove(&key).map_or(0, |(_, replaced)| replaced);
        if self.weight.saturating_add(weight) > self.capacity / 2 {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.young.insert(key, (value, weight));
        self.weight += weight;
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Generations::new(self.capacity);
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let mut map = Generations::new(100);
        for i in 0..10_000 {
            map.insert(i, i, 1);
            assert_eq!((map.get(&i).copied(), map.get(&0).copied()), (Some(i), Some(0)));
            assert!(map.len() <= 100);
        }
        assert_eq!(map.get(&5000), None);
        map.insert(0, -1, 1);
        assert_eq!(map.get(&0), Some(&-1));
        map.clear();
        assert!(map.is_empty() && map.get(&0).is_none());
    }

    #[test]
    fn weights_count() {
        let mut map = Generations::new(100);
        for i in 0..100 {
            map.insert(i, (), if i % 10 == 0 { 1000 } else { 20 });
            assert!(map.get(&i).is_some() && map.len() <= 4);
        }
        for _ in 0..100 {
            map.insert(7, (), 40);
        }
        assert!(map.get(&99).is_some());
    }
}
