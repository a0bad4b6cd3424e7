use std::fs::read_dir;

use super::*;
use crate::ids::{RunId, Token};

const SHIM: ShimId = ShimId(9);

/// A folder with the claims and a shim's own.
struct House {
    _folder: tempfile::TempDir,
    claims: PathBuf,
    drafts: Drafts,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["claims".to_owned(), SHIM.to_string()] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let claims = folder.path().join("claims");
        let drafts = Drafts::of(&claims, SHIM);
        Self { _folder: folder, claims, drafts }
    }

    fn take(&mut self, run: u64) -> Claim {
        take(&self.claims, &start(run), &mut self.drafts).unwrap()
    }

    fn ours(&mut self, run: u64) -> File {
        match self.take(run) {
            Claim::Ours(file) => file,
            Claim::Theirs(holder) => panic!("{run} is held by {holder:?}"),
        }
    }

    fn is_locked(&self, run: u64) -> bool {
        files::is_locked(&path(&self.claims, &start(run))).unwrap()
    }

    fn drafts(&self) -> usize {
        read_dir(self.claims.with_file_name(SHIM.to_string())).unwrap().count()
    }
}

fn start(run: u64) -> Start {
    Start { run: RunId(run), piece: "1".parse().unwrap(), token: Token(7) }
}

#[test]
fn whoever_comes_second_obeys() {
    let mut house = House::new();
    drop(house.ours(1));
    assert_eq!(void(&house.claims, &start(1)).unwrap(), Holder::Shim(SHIM));
    assert_eq!(void(&house.claims, &start(2)).unwrap(), Holder::Void);
    assert!(matches!(house.take(2), Claim::Theirs(Holder::Void)));
}

#[test]
fn the_lock_is_held_until_the_last_copy_is_closed() {
    let mut house = House::new();
    let file = house.ours(1);
    let copy = file.try_clone().unwrap();
    drop(file);
    assert!(house.is_locked(1));
    drop(copy);
    assert!(!house.is_locked(1));
}

#[test]
fn a_claim_that_has_done_its_work_is_the_next_one() {
    let mut house = House::new();
    drop(house.ours(1));
    house.drafts.take_back(&house.claims, &start(1)).unwrap();
    assert_eq!((house.drafts(), path(&house.claims, &start(1)).exists()), (1, false));
    let next = house.ours(2);
    assert_eq!((house.drafts(), house.is_locked(2)), (0, true));
    assert_eq!(holder(&path(&house.claims, &start(2))).unwrap(), Holder::Shim(SHIM));
    drop(next);
    assert!(!house.is_locked(2));
    house.drafts.take_back(&house.claims, &start(2)).unwrap();
    // Even a file that was used before does not push a word aside.
    assert_eq!(void(&house.claims, &start(3)).unwrap(), Holder::Void);
    assert!(matches!(house.take(3), Claim::Theirs(Holder::Void)));
    house.drafts.clear();
    assert_eq!(house.drafts(), 0);
}

#[test]
fn a_claim_that_somebody_holds_on_to_or_that_is_anothers_is_not_used_again() {
    let mut house = House::new();
    let held = house.ours(1);
    house.drafts.take_back(&house.claims, &start(1)).unwrap();
    assert_eq!(house.drafts(), 0);
    drop(held);
    std::fs::write(path(&house.claims, &start(2)), "shim 0000000000000001\n").unwrap();
    house.drafts.take_back(&house.claims, &start(2)).unwrap();
    house.drafts.take_back(&house.claims, &start(3)).unwrap();
    assert_eq!((house.drafts(), read_dir(&house.claims).unwrap().count()), (0, 0));
}
