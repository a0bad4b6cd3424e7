//! Whatever may happen to runs, both stores know the same afterwards, and it is what happened.

use proptest::prelude::*;
use steadfast::store::{Memory, Place, Queued, Recovered, Store};

use super::play::{Account, Play};
use super::words::batch;

type Begun = Vec<(steadfast::ids::RunId, Vec<steadfast::journal::Entry>)>;

fn account_of(found: &Recovered) -> (Begun, Vec<(String, u64)>) {
    (found.begun.iter().map(|begun| (begun.run, begun.entries.clone())).collect(), found.lanes.clone())
}

fn whole_lane(store: &mut dyn Store, lane: &str) -> Vec<Queued> {
    let (mut all, mut behind) = (Vec::new(), None);
    loop {
        let window = store.queued(lane, behind, 4).unwrap();
        let Some(last) = window.last() else { return all };
        behind = Some(Place { priority: last.opening.priority, run: last.run });
        all.extend(window);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_stores_know_what_happened(throws in prop::collection::vec(any::<u32>(), 1..250), reopen in any::<u8>()) {
        let folder = super::quick_folder();
        let mut disk = super::open(folder.path());
        let mut memory = Memory::new();
        let mut play = Play::default();
        for (step, throw) in throws.iter().enumerate() {
            let entries = play.go_on(*throw);
            disk.append(&batch(entries.clone())).unwrap();
            memory.append(&batch(entries)).unwrap();
            if step == usize::from(reopen) {
                drop(disk);
                disk = super::open(folder.path());
            }
        }
        let Account { begun, waiting, held, endings } = play.account();
        let found = disk.recover().unwrap();
        prop_assert_eq!(&found, &memory.recover().unwrap());
        prop_assert_eq!(account_of(&found), (begun, waiting));
        prop_assert_eq!(found.held.iter().map(|row| row.run).collect::<Vec<_>>(), held);
        for (lane, waiting) in &found.lanes {
            let rows = whole_lane(&mut disk, lane);
            prop_assert_eq!(rows.len() as u64, *waiting);
            let sorted = rows.is_sorted_by_key(|row| Place { priority: row.opening.priority, run: row.run });
            prop_assert!(sorted);
            prop_assert_eq!(rows, whole_lane(&mut memory, lane));
        }
        let counted: u64 = disk.info().unwrap().runs.iter().filter(|(word, _)| steadfast::store::State::of(word).is_none()).map(|(_, n)| n).sum();
        prop_assert_eq!(counted, endings.values().sum::<u64>());
        let verified = disk.verify().unwrap();
        prop_assert!(verified.wrong.is_empty(), "{:?}", verified.wrong);
    }
}
