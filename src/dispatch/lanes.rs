//! Runs that wait for their turn: a window per lane over what the store holds, and the runs whose delay is over.
//!
//! A lane is named `group/job`. Lanes of one group share its slots; a held job is one lane that is passed over, so it never
//! stands in the way of others.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::ids::RunId;
use crate::journal::Opening;
use crate::store::{Place, Queued};

use super::outlook::Ahead;

/// How many waiting runs of one lane a daemon keeps in memory; the store holds the rest.
pub const WINDOW: usize = 256;

/// All lanes, and the slots of their groups.
#[derive(Debug)]
pub(super) struct Lanes {
    most: usize,
    lanes: BTreeMap<String, Lane>,
    groups: HashMap<String, Group>,
    waiting: u64,
    running: BTreeSet<RunId>,
}

/// One lane: `window` holds the first of its waiting runs in order, all of them while it is `complete`.
#[derive(Debug)]
struct Lane {
    again: BTreeSet<Place>,
    window: BTreeMap<Place, Opening>,
    running: BTreeSet<RunId>,
    waiting: u64,
    complete: bool,
    asked: bool,
    /// What came while the store was asked, of which its answer may know nothing.
    meanwhile: BTreeMap<Place, Opening>,
    /// What left while the store was asked, and which its answer may hold.
    gone: BTreeSet<Place>,
}

/// The slots of a group, computed from the runs that hold one, so that none can leak.
#[derive(Debug, Default)]
struct Group {
    slots: Option<u32>,
    running: BTreeSet<RunId>,
}

/// A request for the next runs of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refill {
    pub(super) lane: String,
    pub(super) behind: Option<Place>,
    pub(super) most: usize,
}

/// Who goes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A run whose delay is over.
    Again(RunId),
    /// A run that has not begun yet.
    First(RunId, Box<Opening>),
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            again: BTreeSet::new(),
            window: BTreeMap::new(),
            running: BTreeSet::new(),
            waiting: 0,
            complete: true,
            asked: false,
            meanwhile: BTreeMap::new(),
            gone: BTreeSet::new(),
        }
    }
}

impl Lane {
    fn insert(&mut self, most: usize, place: Place, opening: Opening) {
        let beyond = !self.complete && self.window.last_key_value().is_none_or(|(last, _)| place > *last);
        if beyond {
            return;
        }
        self.window.insert(place, opening);
        if self.window.len() > most {
            let last = self.window.pop_last();
            self.complete = false;
            if self.asked {
                // The answer that is under way begins behind this one.
                self.meanwhile.extend(last);
            }
        }
    }
}

/// Names the lane of a job.
pub(super) fn lane_of(group: Option<&str>, job: &str) -> String {
    format!("{}/{job}", group.unwrap_or_default())
}

/// Returns the group and the job of a lane.
fn parts(lane: &str) -> (&str, &str) {
    lane.split_once('/').unwrap_or(("", lane))
}

impl Lanes {
    /// Makes empty lanes that keep so many waiting runs each.
    pub(super) fn with_window(most: usize) -> Self {
        Self { most, lanes: BTreeMap::new(), groups: HashMap::new(), waiting: 0, running: BTreeSet::new() }
    }

    fn lane(&mut self, name: &str) -> &mut Lane {
        if !self.lanes.contains_key(name) {
            self.lanes.insert(name.to_owned(), Lane::default());
        }
        self.lanes.get_mut(name).expect("the lane was just made sure of")
    }

    /// Sets how many attempts of each group may run at once; groups that are not named have no limit.
    pub(super) fn set_slots<'a>(&mut self, groups: impl Iterator<Item = (&'a str, u32)>) {
        for group in self.groups.values_mut() {
            group.slots = None;
        }
        for (name, slots) in groups {
            self.groups.entry(name.to_owned()).or_default().slots = Some(slots);
        }
    }

    /// Takes up how many runs the store holds of a lane; none of them is in the window yet.
    pub(super) fn begin_with(&mut self, name: &str, waiting: u64) {
        self.waiting += waiting;
        let lane = self.lane(name);
        lane.waiting = waiting;
        lane.complete = waiting == 0;
    }

    /// Takes up a run that waits for its first attempt: it was just opened, or released.
    pub(super) fn opened(&mut self, run: RunId, opening: &Opening) {
        let place = Place { priority: opening.priority, run };
        self.waiting += 1;
        let most = self.most;
        let lane = self.lane(&opening.lane);
        lane.waiting += 1;
        if lane.asked {
            lane.gone.remove(&place);
            lane.meanwhile.insert(place, opening.clone());
        }
        lane.insert(most, place, opening.clone());
    }

    /// Takes up what the store answered to a refill; fewer than a window means that there are no more.
    pub(super) fn refilled(&mut self, name: &str, rows: Vec<Queued>) {
        let most = self.most;
        let lane = self.lane(name);
        lane.asked = false;
        lane.complete = rows.len() < most;
        let gone = std::mem::take(&mut lane.gone);
        for row in rows {
            let place = Place { priority: row.opening.priority, run: row.run };
            if !gone.contains(&place) {
                lane.window.insert(place, row.opening);
            }
        }
        for (place, opening) in std::mem::take(&mut lane.meanwhile) {
            lane.insert(most, place, opening);
        }
    }

    /// Returns the refills that are due; each is asked for once.
    pub(super) fn refills(&mut self) -> Vec<Refill> {
        let mut due = Vec::new();
        for (name, lane) in &mut self.lanes {
            if !lane.complete && !lane.asked && lane.window.len() < self.most.div_ceil(2) {
                lane.asked = true;
                let behind = lane.window.last_key_value().map(|(place, _)| *place);
                due.push(Refill { lane: name.clone(), behind, most: self.most });
            }
        }
        due
    }

    /// Takes out a run that waits for its first attempt no longer: it begins, is held, or was closed.
    pub(super) fn left(&mut self, name: &str, place: Place) {
        self.waiting = self.waiting.saturating_sub(1);
        let lane = self.lane(name);
        lane.waiting = lane.waiting.saturating_sub(1);
        lane.window.remove(&place);
        lane.meanwhile.remove(&place);
        if lane.asked {
            lane.gone.insert(place);
        }
        self.drop_if_empty(name);
    }

    fn drop_if_empty(&mut self, name: &str) {
        let lane = self.lane(name);
        if lane.waiting == 0 && lane.again.is_empty() && lane.running.is_empty() && !lane.asked {
            self.lanes.remove(name);
        }
    }

    /// Lets a run that has begun before ask for a slot.
    pub(super) fn ask(&mut self, name: &str, place: Place) {
        self.lane(name).again.insert(place);
    }

    /// Takes that back.
    pub(super) fn ask_no_more(&mut self, name: &str, place: Place) {
        self.lane(name).again.remove(&place);
        self.drop_if_empty(name);
    }

    /// Gives a run a slot.
    pub(super) fn take_slot(&mut self, name: &str, run: RunId) {
        self.running.insert(run);
        self.lane(name).running.insert(run);
        self.groups.entry(parts(name).0.to_owned()).or_default().running.insert(run);
    }

    /// Takes a run's slot back.
    pub(super) fn give_slot(&mut self, name: &str, run: RunId) {
        self.running.remove(&run);
        if let Some(group) = self.groups.get_mut(parts(name).0) {
            group.running.remove(&run);
        }
        self.lane(name).running.remove(&run);
        self.drop_if_empty(name);
    }

    /// Counts the attempts that hold a slot.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// Counts the runs that wait for their first attempt and are not held.
    pub(super) const fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Says whether a run waits that may begin sooner or later: of a job for which `may` says yes, and not in line behind one
    /// that must be alone in a job that `rests`.
    pub(super) fn any_waits(&self, may: impl Fn(&str) -> bool, rests: impl Fn(&str) -> bool) -> bool {
        let waits = |(name, lane): (&String, &Lane)| {
            let job = parts(name).1;
            let blocked = lane.window.first_key_value().is_some_and(|(_, first)| first.serial) && rests(job);
            lane.waiting > 0 && may(job) && !blocked
        };
        self.lanes.iter().any(waits)
    }

    /// Finds who goes next among the lanes with a free slot: the first in order.
    ///
    /// `may` says whether a job may begin at all, and whether a run that must be alone may begin now.
    pub(super) fn next(&self, may: impl Fn(&str) -> bool, alone: impl Fn(&str) -> bool) -> Option<Next> {
        let mut best: Option<(Place, Next)> = None;
        for (name, lane) in &self.lanes {
            let (group, job) = parts(name);
            if !self.has_slot(group) || !may(job) {
                continue;
            }
            if let Some(place) = lane.again.first() {
                offer(&mut best, *place, || Next::Again(place.run));
            }
            if let Some((place, opening)) = lane.window.first_key_value()
                && (!opening.serial || alone(job))
            {
                offer(&mut best, *place, || Next::First(place.run, Box::new(opening.clone())));
            }
        }
        best.map(|(_, next)| next)
    }

    fn has_slot(&self, group: &str) -> bool {
        let Some(group) = self.groups.get(group) else { return true };
        group.slots.is_none_or(|slots| group.running.len() < slots as usize)
    }

    /// Returns the group of a lane with the runs that hold its slots, if it has a limit.
    pub(super) fn group_of(&self, name: &str) -> Option<(String, Vec<RunId>, u32)> {
        let (group, _) = parts(name);
        let Group { slots, running } = self.groups.get(group)?;
        Some((group.to_owned(), running.iter().copied().collect(), (*slots)?))
    }

    /// Counts the runs of a lane that go before a place.
    pub(super) fn ahead(&self, name: &str, place: Place) -> Ahead {
        let Some(lane) = self.lanes.get(name) else { return Ahead::Exactly(0) };
        let again = lane.again.range(..place).count() as u64;
        let first = lane.window.range(..place).count() as u64;
        let seen = lane.complete || lane.window.last_key_value().is_some_and(|(last, _)| *last >= place);
        if seen || lane.again.contains(&place) { Ahead::Exactly(again + first) } else { Ahead::AtLeast(again + first) }
    }

    /// Returns the runs of a job that wait in a window.
    pub(super) fn waiting_of(&self, job: &str) -> Vec<(RunId, Opening)> {
        let lanes = self.lanes.iter().filter(|(name, _)| parts(name).1 == job);
        let known = lanes.flat_map(|(_, lane)| lane.window.iter().chain(&lane.meanwhile));
        let known: BTreeMap<Place, &Opening> = known.map(|(place, opening)| (*place, opening)).collect();
        known.into_iter().map(|(place, opening)| (place.run, opening.clone())).collect()
    }

    /// Finds a run in the windows.
    pub(super) fn find(&self, run: RunId) -> Option<&Opening> {
        let known = self.lanes.values().flat_map(|lane| lane.window.iter().chain(&lane.meanwhile));
        known.into_iter().find(|(place, _)| place.run == run).map(|(_, opening)| opening)
    }
}

fn offer(best: &mut Option<(Place, Next)>, place: Place, next: impl FnOnce() -> Next) {
    if best.as_ref().is_none_or(|(other, _)| place < *other) {
        *best = Some((place, next()));
    }
}

#[cfg(test)]
mod tests;
