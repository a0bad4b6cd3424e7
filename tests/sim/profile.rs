//! How a seed goes about it: what is frequent in it and what does not happen at all.

use std::time::Duration;

use crate::chance::Chance;

/// The temper of one seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Profile {
    pub(crate) slots: usize,
    pub(crate) window: usize,
    pub(crate) until_idle: bool,
    /// How many things somebody does before the world calms down.
    pub(crate) deeds: u64,
    /// The longest time between two of them.
    pub(crate) pace: Duration,
    /// How often in ten thousand effects the daemon is killed before one.
    pub(crate) crash_between: u64,
    /// How often in ten thousand groups the store fails.
    pub(crate) store_fails: u64,
    /// Whether some runs stay held at the end.
    pub(crate) leaves_held: bool,
    /// How many runs a bulk start asks for at most.
    pub(crate) bulk: u64,
}

impl Profile {
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        let large = chance.permille(3);
        Self {
            slots: chance.between(1, 4) as usize,
            window: if large { steadfast::dispatch::WINDOW } else { chance.between(1, 6) as usize },
            until_idle: chance.percent(35),
            deeds: chance.between(3, 40),
            pace: *chance.pick(&[Duration::from_millis(50), Duration::from_secs(5), Duration::from_secs(600)]),
            crash_between: *chance.pick(&[0, 20, 100, 400]),
            store_fails: *chance.pick(&[0, 0, 50, 500]),
            leaves_held: chance.percent(30),
            bulk: if large { 600 } else { 20 },
        }
    }
}
