//! Decoding one table, with every mistake in it.

use std::ops::Range;

use serde::Deserialize;
use steadfast_retry::table::Source;
use toml::Spanned;
use toml::de::{DeArray, DeValue, ValueDeserializer};

use super::words::{Context, Place, say};
use crate::job::Diagnostic;

/// The most mistakes that are told of one table.
const MOST_MISTAKES: usize = 64;

/// What came of a table.
pub(super) struct Decoded<T> {
    /// The table without its mistaken keys; `None` if nothing could be made of it.
    pub(super) value: Option<T>,
    /// The mistakes.
    pub(super) mistakes: Vec<Diagnostic>,
    /// The tables and lists that something was taken out of. A later check that finds one of them lacking
    /// something has nothing new to say.
    pub(super) wounds: Vec<Range<usize>>,
    /// Whether a table of the outermost level was taken out, so that the whole may seem to lack it.
    pub(super) torn: bool,
}

/// Decodes a table. Where serde finds a mistake, it is noted, the key or entry that it lies in is taken out, and the rest is
/// decoded again, so that one table with three bad keys gives three messages.
pub(super) fn decode<T: for<'de> Deserialize<'de>>(
    source: &Source,
    context: &Context<'_>,
    table: &Spanned<DeValue<'_>>,
) -> Decoded<T> {
    let mut table = table.clone();
    let mut decoded = Decoded { value: None, mistakes: Vec::new(), wounds: Vec::new(), torn: false };
    while decoded.mistakes.len() < MOST_MISTAKES {
        let error = match T::deserialize(ValueDeserializer::from(table.clone())) {
            Ok(value) => {
                decoded.value = Some(value);
                break;
            }
            Err(error) => error,
        };
        let span = error.span().unwrap_or_else(|| table.span());
        // What lacks something only because it was taken out is taken out as well, without a word.
        if let Some(wound) = decoded.wounds.iter().position(|wound| holds(&span, wound)) {
            let wound = decoded.wounds.swap_remove(wound);
            match cut(table.get_mut(), &wound) {
                Some(cut) => decoded.note(cut),
                None => break,
            }
            continue;
        }
        let cut = cut(table.get_mut(), &span);
        let place = cut.as_ref().map_or(Place::default(), |cut| cut.place.clone());
        decoded.mistakes.push(say(source, context, &place, span, error.message()));
        match cut {
            Some(cut) => decoded.note(cut),
            // The mistake is in the table as a whole: there is nothing left to look at.
            None => break,
        }
    }
    decoded
}

/// Keys that say, rightly or not, what a job does.
const ACTIONS: [&str; 8] = ["args", "cmd", "command", "kind", "name", "run", "script", "shell"];

impl<T> Decoded<T> {
    fn note(&mut self, cut: Cut) {
        match cut.parent {
            Some(parent) => self.wounds.push(parent),
            None => self.torn |= cut.was_table || cut.place.keys.iter().any(|key| ACTIONS.contains(&key.as_str())),
        }
    }
}

/// What was taken out.
struct Cut {
    place: Place,
    /// The place of the table or list that it was in; `None` for the outermost.
    parent: Option<Range<usize>>,
    was_table: bool,
}

/// Takes the innermost key or entry out that holds a place.
fn cut(value: &mut DeValue<'_>, at: &Range<usize>) -> Option<Cut> {
    match value {
        DeValue::Table(table) => {
            let mut taken: Option<(String, Option<Cut>)> = None;
            for (key, value) in table.iter_mut() {
                let span = value.span();
                if let Some(inner) = cut(value.get_mut(), at) {
                    let parent = inner.parent.or(Some(span));
                    taken = Some((key.get_ref().to_string(), Some(Cut { parent, ..inner })));
                    break;
                }
                if holds(&key.span(), at) || holds(&span, at) {
                    taken = Some((key.get_ref().to_string(), None));
                    break;
                }
            }
            let (key, inner) = taken?;
            let mut cut = inner.unwrap_or_else(|| {
                let was_table = table.remove(key.as_str()).is_some_and(|value| value.get_ref().is_table());
                Cut { place: Place::default(), parent: None, was_table }
            });
            cut.place.keys.insert(0, key);
            Some(cut)
        }
        DeValue::Array(items) => {
            for index in 0..items.len() {
                let span = items[index].span();
                if let Some(inner) = cut((**items)[index].get_mut(), at) {
                    return Some(Cut { parent: inner.parent.or(Some(span)), ..inner });
                }
                if holds(&span, at) {
                    let was_table = items[index].get_ref().is_table();
                    let all = std::mem::replace(items, DeArray::new()).into_iter().enumerate();
                    all.filter(|(other, _)| *other != index).for_each(|(_, item)| items.push(item));
                    let place = Place { keys: Vec::new(), is_entry: true };
                    return Some(Cut { place, parent: None, was_table });
                }
            }
            None
        }
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            None
        }
    }
}

fn holds(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}
