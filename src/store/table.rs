use std::collections::BTreeMap;

/// Rows in memory that can be put back to where a transaction began.
#[derive(Clone, Debug)]
pub(super) struct Table<K, V> {
    rows: BTreeMap<K, V>,
    /// What stood where, oldest change first.
    before: Vec<(K, Option<V>)>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), before: Vec::new() }
    }
}

impl<K: Ord + Clone, V: Clone> Table<K, V> {
    pub(super) fn rows(&self) -> &BTreeMap<K, V> {
        &self.rows
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    pub(super) fn put(&mut self, key: K, row: V) {
        let before = self.rows.insert(key.clone(), row);
        self.before.push((key, before));
    }

    pub(super) fn remove(&mut self, key: &K) {
        if let Some(row) = self.rows.remove(key) {
            self.before.push((key.clone(), Some(row)));
        }
    }

    /// Changes a row, which is made first if there is none.
    pub(super) fn change(&mut self, key: K, change: impl FnOnce(&mut V))
    where
        V: Default,
    {
        let mut row = self.rows.get(&key).cloned().unwrap_or_default();
        change(&mut row);
        self.put(key, row);
    }

    /// Keeps what was changed since the transaction began, and begins another.
    pub(super) fn commit(&mut self) {
        self.before.clear();
    }

    /// Puts everything back to where the transaction began.
    pub(super) fn roll_back(&mut self) {
        while let Some((key, before)) = self.before.pop() {
            match before {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
    }
}
