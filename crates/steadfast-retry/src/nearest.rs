//! What somebody meant who typed a name that nobody knows: the one measure for keys, names and words of every kind.

use alloc::string::String;
use alloc::vec::Vec;

/// More names than these are not compared with: it is done for each name that is wrong, and each time quadratic in its length.
const MOST_NAMES: usize = 2_000;

/// Returns the known name that a mistyped one is nearest to, if it is near enough to be meant.
///
/// A third of the letters may be wrong: `atempts` is near to `attempts`, `retries` is not. Case, and `_` in place of `-`, make no
/// difference; of names that are equally near, the first in the alphabet is taken.
///
/// ```
/// use steadfast_retry::nearest;
///
/// assert_eq!(nearest("Atempts", ["delay", "attempts"]), Some("attempts"));
/// assert_eq!(nearest("retries", ["delay", "attempts"]), None);
/// ```
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| -> String { name.to_ascii_lowercase().replace('_', "-") };
    let wanted = plain(typed);
    let near = known.into_iter().take(MOST_NAMES).map(|name| (distance(&wanted, &plain(name)), name));
    near.min().filter(|(distance, name)| distance * 3 <= typed.len().max(name.len())).map(|(_, name)| name)
}

/// Insertions, deletions, replacements and swaps of neighbours between two short texts (optimal string alignment).
fn distance(one: &str, other: &str) -> usize {
    // Names beyond this length are nobody's typing mistake, and the table below is quadratic.
    if one.len() > 64 || other.len() > 64 {
        return usize::MAX / 3;
    }
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut rows: Vec<Vec<usize>> = Vec::with_capacity(one.len() + 1);
    rows.push((0..=other.len()).collect());
    for i in 1..=one.len() {
        let mut row = Vec::with_capacity(other.len() + 1);
        row.push(i);
        for j in 1..=other.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_what_could_be_meant_is_offered() {
        let known = ["attempts", "deadline", "delay", "may-fail"];
        for (typed, meant) in [
            ("atempts", Some("attempts")),
            ("dealy", Some("delay")),
            ("deadlines", Some("deadline")),
            ("Delay", Some("delay")),
            ("may_fail", Some("may-fail")),
            ("retries", None),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }
}
