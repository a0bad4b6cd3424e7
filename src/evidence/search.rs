//! All patterns of all classes, looked for in the output at once. The lines that met one become facts.

use std::collections::HashSet;

use regex::bytes::{RegexSet, RegexSetBuilder};

use super::classes::Classes;
use super::excerpt::{Part, kept, without_escapes};
use super::fact::Fact;
use super::table::PATTERN_BYTES;

/// How much memory the automaton of one set may use for what it has seen so far; beyond that it starts anew.
const CACHE_BYTES: usize = 256 * 1024;

/// All patterns of a table, compiled together.
///
/// Every search is linear in the text: the engine does not backtrack, lines and parts are cut, and a set that would grow
/// beyond its limit is split.
pub(crate) struct PatternSet {
    texts: Vec<String>,
    /// Each set with the number of its first pattern.
    sets: Vec<(usize, RegexSet)>,
}

impl PatternSet {
    pub(crate) fn compile<'a>(patterns: impl Iterator<Item = &'a str>) -> Self {
        let mut seen = HashSet::new();
        let texts: Vec<String> = patterns.filter(|pattern| seen.insert(*pattern)).map(str::to_string).collect();
        let mut sets = Vec::new();
        build(&texts, 0, &mut sets);
        Self { texts, sets }
    }

    /// Returns the numbers of the patterns that match a line, in the order of the table.
    fn matches(&self, line: &[u8]) -> Vec<usize> {
        let hits = |(first, set): &(usize, RegexSet)| -> Vec<usize> {
            if set.is_match(line) { set.matches(line).into_iter().map(|at| first + at).collect() } else { Vec::new() }
        };
        self.sets.iter().flat_map(hits).collect()
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.texts.len(), self.sets.len())
    }
}

/// Builds one set, or two halves where one would be too large. A single pattern that cannot be built (it was checked
/// where it was read, so it comes from a store that another version wrote) matches nothing.
fn build(texts: &[String], first: usize, sets: &mut Vec<(usize, RegexSet)>) {
    if texts.is_empty() {
        return;
    }
    let mut builder = RegexSetBuilder::new(texts);
    match builder.unicode(false).size_limit(PATTERN_BYTES).dfa_size_limit(CACHE_BYTES).build() {
        Ok(set) => sets.push((first, set)),
        Err(_) if texts.len() > 1 => {
            let (left, right) = texts.split_at(texts.len() / 2);
            build(left, first, sets);
            build(right, first + left.len(), sets);
        }
        Err(_) => {}
    }
}

impl Classes {
    /// Reads output: returns a fact for each line that says something new, in the order of the parts and lines.
    ///
    /// Give the parts in the order in which they were written, as far as it is known: heads before tails. A line is kept if
    /// its first pattern (in the order of the table) led no earlier line, or if any of its patterns was not seen before; so
    /// there are at most twice as many facts as patterns.
    #[must_use]
    pub fn search(&self, parts: &[Part<'_>]) -> Vec<Fact> {
        if parts.iter().all(|part| part.bytes.is_empty()) {
            return Vec::new();
        }
        let patterns = self.patterns();
        let mut led = vec![false; patterns.texts.len()];
        let mut seen = vec![false; patterns.texts.len()];
        let mut facts = Vec::new();
        for part in parts {
            for line in part.lines() {
                let plain;
                let line = if line.contains(&0x1b) {
                    plain = without_escapes(line);
                    plain.as_slice()
                } else {
                    line
                };
                let hits = patterns.matches(line);
                let Some(first) = hits.first().copied() else { continue };
                if led[first] && hits.iter().all(|hit| seen[*hit]) {
                    continue;
                }
                led[first] = true;
                hits.iter().for_each(|hit| seen[*hit] = true);
                let patterns = hits.iter().map(|hit| patterns.texts[*hit].clone()).collect();
                facts.push(Fact::Output { stream: part.stream, line: kept(line), patterns });
            }
        }
        facts
    }
}
