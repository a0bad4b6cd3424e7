//! The whole journal, decided again when the world is at rest.
//!
//! A daemon that recovers decides again what it finds of open runs; this looks at every run, closed ones too. Policies are read
//! from what the store keeps, as a later daemon would.

use std::collections::{BTreeMap, HashMap};

use steadfast::ids::{Digest, RunId};
use steadfast::job::Definition;
use steadfast::journal::{About, Entry, Happened};
use steadfast::store::{Memory, Store};
use steadfast_retry::RunState;

/// Decides every recorded event again, and returns how many there are. A decision that differs is a panic.
pub(crate) fn replay(store: &mut Memory) -> u64 {
    let entries: Vec<Entry> = store.entries().cloned().collect();
    let mut definitions: HashMap<Digest, Definition> = HashMap::new();
    let mut runs: BTreeMap<RunId, (Digest, RunState)> = BTreeMap::new();
    let mut decisions = 0;
    for entry in entries {
        let About::Run(run, happened) = entry.about else { continue };
        match happened {
            Happened::Opened(opening) => {
                let mut stored = || store.document(opening.definition).expect("a definition is kept");
                let read = |text: String| serde_json::from_str(&text).expect("a stored definition can be read");
                definitions.entry(opening.definition).or_insert_with(|| read(stored()));
                runs.insert(run, (opening.definition, RunState::new()));
            }
            Happened::Stepped(step) => {
                let (definition, state) = runs.get_mut(&run).expect("the first entry of a run opens it");
                let decided = state.step(&definitions[definition].policy, &step.event);
                assert_eq!(
                    decided.as_ref(),
                    Ok(&step.decision),
                    "run {run} would be decided otherwise from its journal"
                );
                decisions += 1;
            }
            _ => {}
        }
    }
    decisions
}
