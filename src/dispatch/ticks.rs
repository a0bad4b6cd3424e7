//! Due times of schedules, and what overlapping does to them.

use std::sync::Arc;

use jiff::Timestamp;
use steadfast_retry::Event;

use crate::ids::RunId;
use crate::job::{Job, Overlap};
use crate::journal::{Entry, JobHappened, TickFate, Trigger};
use crate::schedule::{Count, GRACE};

use super::opening::Plan;
use super::{Dispatcher, Hour};

impl Dispatcher {
    /// Deals with every schedule that is due.
    pub(super) fn schedules_due(&mut self, hour: &mut Hour) {
        while let Some(job) = self.book.pop_due(hour.wall) {
            self.schedule_due(hour, &job);
        }
    }

    fn schedule_due(&mut self, hour: &mut Hour, name: &str) {
        let Some(job) = self.book.job(name).cloned() else { return };
        let Some(scheduled) = self.book.scheduled(name) else { return };
        let (Some(next), Some(start)) = (scheduled.next, scheduled.start) else { return };
        // A start that jitter put off is on time when its own moment has come, however old its due time is.
        let late = std::time::Duration::try_from(hour.wall.duration_since(start)).unwrap_or_default();
        let until = if late <= GRACE { next } else { hour.wall };
        let evaluation = scheduled.schedule.evaluate(scheduled.evaluated, until);
        let missed = match evaluation.dropped.map(|dropped| dropped.count) {
            Some(Count::Exactly(count) | Count::AtLeast(count)) => count,
            None => 0,
        };
        for due in evaluation.due {
            self.tick(hour, &job, due.at);
        }
        let until = nanos(evaluation.evaluated_until);
        self.outbox.write(Entry::of_job(hour.at, name.to_owned(), JobHappened::Evaluated { until, missed }));
        self.book.evaluated(name, evaluation.evaluated_until);
    }

    fn tick(&mut self, hour: &mut Hour, job: &Arc<Job>, due: Timestamp) {
        let plan = Plan::of(job, Trigger::Schedule { due: nanos(due) }, "schedule");
        let fate = match self.open_unless_overlapping(hour, job, plan) {
            Some(run) => TickFate::Opened(run),
            None => TickFate::Overlapped,
        };
        self.outbox.write(Entry::of_job(hour.at, job.name.clone(), JobHappened::Ticked { due: nanos(due), fate }));
    }

    /// Opens a plan as the job's overlap policy allows; returns the first run, if one was opened.
    pub(super) fn open_unless_overlapping(&mut self, hour: &mut Hour, job: &Arc<Job>, mut plan: Plan) -> Option<RunId> {
        let waiting = self.book.waiting(&job.name);
        let busy = waiting > 0 || self.book.is_under_way(&job.name);
        if busy {
            match job.overlap {
                Overlap::Allow => {}
                Overlap::Skip => return None,
                Overlap::Queue(longest) if waiting >= u64::from(longest) => return None,
                Overlap::Queue(_) => plan.serial = true,
                Overlap::Replace => {
                    plan.serial = true;
                    self.cancel_all(hour, &job.name);
                }
            }
        }
        self.open(hour, &plan).first().copied()
    }

    /// Cancels whatever of a job has begun or waits in a window, so that a newer run takes its place.
    fn cancel_all(&mut self, hour: &mut Hour, job: &str) {
        for (run, opening) in self.lanes.waiting_of(job) {
            self.take_from_lane(run, opening);
        }
        for run in self.book.under_way(job) {
            if self.live.get(&run).is_some_and(|live| live.state.ending().is_none()) {
                let event = Event::CancelAsked { at: hour.at };
                self.step(hour, run, event, None, Some("overlap = \"replace\"".to_owned()));
            }
        }
    }
}

/// A time as the journal holds it: nanoseconds since the Unix epoch, which fit until the year 2262.
pub(super) fn nanos(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)
}
