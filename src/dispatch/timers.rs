use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use steadfast_retry::Moment;

/// What is due when: one time per key, the earliest first.
#[derive(Debug)]
pub(super) struct Timers<K> {
    order: BTreeSet<(Moment, K)>,
    times: HashMap<K, Moment>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { order: BTreeSet::new(), times: HashMap::new() }
    }
}

impl<K: Copy + Ord + Hash> Timers<K> {
    /// Sets the time of a key, in place of an earlier one.
    pub(super) fn set(&mut self, key: K, at: Moment) {
        self.clear(key);
        self.order.insert((at, key));
        self.times.insert(key, at);
    }

    /// Forgets a key.
    pub(super) fn clear(&mut self, key: K) {
        if let Some(at) = self.times.remove(&key) {
            self.order.remove(&(at, key));
        }
    }

    /// Takes the first key that is due.
    pub(super) fn pop_due(&mut self, now: Moment) -> Option<K> {
        let (at, key) = self.order.first().copied()?;
        if at > now {
            return None;
        }
        self.clear(key);
        Some(key)
    }

    /// Returns the earliest time.
    pub(super) fn earliest(&self) -> Option<Moment> {
        self.order.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::Timers;
    use steadfast_retry::Moment;

    #[test]
    fn a_key_has_one_time_and_the_earliest_comes_first() {
        let at = Moment::from_nanos;
        let mut timers = Timers::default();
        timers.set('a', at(5));
        timers.set('b', at(3));
        timers.set('a', at(1));
        assert_eq!(timers.earliest(), Some(at(1)));
        assert_eq!(timers.pop_due(at(2)), Some('a'));
        assert_eq!(timers.pop_due(at(2)), None);
        timers.clear('b');
        assert_eq!(timers.earliest(), None);
    }
}
