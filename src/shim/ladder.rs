//! Where on the way down a program is that has to end. Pure: it says what is due, others do it.

use std::time::Duration;

use crate::launch::{Rung, StopLadder};
use crate::sys::time::Boottime;

/// The state of one descent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ladder {
    rung: Rung,
    until: Boottime,
    extended: Duration,
}

impl Ladder {
    /// Steps on a rung. The caller does what the rung says.
    pub(crate) fn begin(rung: Rung, now: Boottime, plan: &StopLadder) -> Self {
        Self { rung, until: now.after(grace(rung, plan)), extended: Duration::ZERO }
    }

    /// Returns the rung that is stood on.
    pub(crate) const fn rung(&self) -> Rung {
        self.rung
    }

    /// Returns when the next step is due; after the last one, never.
    pub(crate) const fn due(&self) -> Boottime {
        match self.rung {
            Rung::Ask | Rung::Leader | Rung::All => self.until,
            Rung::Kill => Boottime::NEVER,
        }
    }

    /// Takes the next step if it is due, and returns what to do.
    pub(crate) fn step(&mut self, now: Boottime, plan: &StopLadder) -> Option<Rung> {
        if now < self.due() {
            return None;
        }
        let next = match self.rung {
            Rung::Ask => Rung::Leader,
            Rung::Leader => Rung::All,
            Rung::All | Rung::Kill => Rung::Kill,
        };
        self.skip_to(next, now, plan).then_some(next)
    }

    /// Goes down to a rung at once. Returns false, and does nothing, if it already is as deep.
    pub(crate) fn skip_to(&mut self, rung: Rung, now: Boottime, plan: &StopLadder) -> bool {
        if rung <= self.rung {
            return false;
        }
        self.rung = rung;
        self.until = now.after(grace(rung, plan));
        true
    }

    /// Gives more time because the program asks for it, up to what the plan allows in all.
    pub(crate) fn extend(&mut self, span: Duration, now: Boottime, plan: &StopLadder) {
        let wanted = now.after(span).since(self.until).min(plan.extend.saturating_sub(self.extended));
        self.extended += wanted;
        self.until = self.until.after(wanted);
    }
}

const fn grace(rung: Rung, plan: &StopLadder) -> Duration {
    match rung {
        Rung::Ask => plan.ask,
        Rung::Leader => plan.leader,
        Rung::All => plan.all,
        Rung::Kill => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> StopLadder {
        let second = Duration::from_secs(1);
        StopLadder { file: None, ask: second, leader: second * 2, all: second * 3, extend: second * 4 }
    }

    fn at(seconds: u64) -> Boottime {
        Boottime(seconds * 1_000_000_000)
    }

    #[test]
    fn every_rung_has_its_time() {
        let mut ladder = Ladder::begin(Rung::Ask, at(0), &plan());
        assert_eq!(ladder.step(at(0), &plan()), None);
        assert_eq!(ladder.step(at(1), &plan()), Some(Rung::Leader));
        assert_eq!(ladder.step(at(2), &plan()), None);
        assert_eq!(ladder.step(at(3), &plan()), Some(Rung::All));
        assert_eq!(ladder.step(at(6), &plan()), Some(Rung::Kill));
        assert_eq!(ladder.due(), Boottime::NEVER);
    }

    #[test]
    fn a_deeper_wish_is_obeyed_and_a_higher_one_is_not() {
        let mut ladder = Ladder::begin(Rung::Leader, at(0), &plan());
        assert!(!ladder.skip_to(Rung::Ask, at(0), &plan()));
        assert!(ladder.skip_to(Rung::Kill, at(0), &plan()));
    }

    #[test]
    fn more_time_has_an_end() {
        let mut ladder = Ladder::begin(Rung::Leader, at(0), &plan());
        ladder.extend(Duration::from_secs(3), at(1), &plan());
        assert_eq!(ladder.due(), at(4));
        ladder.extend(Duration::from_secs(60), at(3), &plan());
        assert_eq!(ladder.due(), at(6), "four seconds in all, two of them were used");
        ladder.extend(Duration::from_secs(1), at(3), &plan());
        assert_eq!(ladder.due(), at(6), "an earlier end is no extension");
    }
}
