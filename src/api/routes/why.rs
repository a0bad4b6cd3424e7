//! The route that tells what a run waits for, from everything that must be so before its next attempt. Why it
//! *decided* as it did stands in its journal.

use std::time::Duration;

use steadfast_retry::{Moment, Pretty};

use crate::api::desk::is_over;
use crate::api::problem::Problem;
use crate::api::route::{Asked, Json, Nothing};
use crate::api::shapes::{OfRun, Reason, WhyView};
use crate::dispatch::{Ahead, Mood, Outlook, Waiting};
use crate::ids::{Piece, RunId};
use crate::store::Place;
use crate::store::view::RunView;

use super::runs::view_of;

/// How many runs are named that stand in the way.
const MOST_NAMED: usize = 20;

/// Tells what a run waits for: what the store knows of it, and what the loop knows of everybody.
pub(super) async fn of_run(asked: Asked<OfRun, Nothing, Nothing>) -> Result<Json<WhyView>, Problem> {
    let desk = asked.desk;
    let view = view_of(&desk, asked.places.run).await?;
    let mut reasons = Vec::new();
    if !is_over(view.state) {
        let place = Place { priority: view.priority, run: view.run };
        let waiting = Waiting { place, lane: view.lane.clone(), serial: view.serial };
        let outlook = desk.door.outlook(waiting).await.ok_or_else(Problem::stopping)?;
        let degraded = desk.door.status().await.ok_or_else(Problem::stopping)?.degraded;
        reasons = weigh(&view, &outlook, degraded.as_deref(), desk.clock.moment());
    }
    let blocking = reasons.iter().find(|reason| reason.blocks).map(|reason| reason.sentence.clone());
    let sentence = match blocking {
        Some(blocking) => format!("{}; {blocking}", view.sentence),
        None => view.sentence,
    };
    Ok(Json(WhyView {
        run: view.run,
        job: view.job,
        state: view.state,
        sentence,
        reasons,
        due_at: view.due_at,
        deadline_at: view.deadline_at,
        ledger: view.ledger,
        last: view.attempts.into_iter().last(),
        finish: view.finish,
    }))
}

/// Gives everything that must be so for the next attempt, the blocking first.
fn weigh(view: &RunView, outlook: &Outlook, degraded: Option<&str>, now: Moment) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut add = |about: &str, blocks: bool, sentence: String, mut runs: Vec<RunId>| {
        runs.truncate(MOST_NAMED);
        reasons.push(Reason { about: about.to_owned(), blocks, sentence, runs });
    };
    let nobody = Vec::new;
    match degraded {
        Some(why) => add("journal", true, format!("the journal cannot be written: {why}"), nobody()),
        None => add("journal", false, "the journal can be written".to_owned(), nobody()),
    }
    let (blocks, sentence) = mood(outlook.mood);
    add("daemon", blocks, sentence.to_owned(), nobody());
    if let Some(piece) = outlook.process {
        add("process", false, process(piece), nobody());
        return sorted(reasons);
    }
    let held = if outlook.held { "it is held until somebody releases it" } else { "it is not held" };
    add("run-hold", outlook.held, held.to_owned(), nobody());
    let held = if outlook.job_held { "its job is held until somebody releases it" } else { "its job is not held" };
    add("job-hold", outlook.job_held, held.to_owned(), nobody());
    if let Some(until) = outlook.until {
        let left = Duration::from_millis(u64::try_from(until.since(now).as_millis()).unwrap_or(u64::MAX));
        let blocks = !left.is_zero();
        let sentence =
            if blocks { format!("its delay lasts {} more", Pretty(left)) } else { "its delay is over".to_owned() };
        add("delay", blocks, sentence, nobody());
    }
    if outlook.follow_up {
        add("finalizers", true, "its finalizers go first".to_owned(), nobody());
    }
    if let Some(others) = &outlook.others {
        let sentence = match others.len() {
            0 => "no other run of its job is under way".to_owned(),
            1 => "another run of its job is under way, and it has to be alone".to_owned(),
            more => format!("{more} other runs of its job are under way, and it has to be alone"),
        };
        add("alone", !others.is_empty(), sentence, others.clone());
    }
    if let Some((name, running, slots)) = &outlook.group {
        let blocks = running.len() >= *slots as usize;
        let sentence = format!("group `{name}` has {} of {slots} slots taken", running.len());
        add("group", blocks, sentence, if blocks { running.clone() } else { nobody() });
    }
    let (taken, slots) = outlook.slots;
    add("slots", taken >= slots, format!("{taken} of {slots} slots are taken"), nobody());
    if let Some(ahead) = outlook.ahead {
        add("turn", false, turn(ahead, &view.job), nobody());
    }
    sorted(reasons)
}

fn sorted(mut reasons: Vec<Reason>) -> Vec<Reason> {
    reasons.sort_by_key(|reason| !reason.blocks);
    reasons
}

const fn mood(mood: Mood) -> (bool, &'static str) {
    match mood {
        Mood::Starting => (true, "the daemon is only starting"),
        Mood::Open => (false, "the daemon lets attempts begin"),
        Mood::Draining => (true, "the daemon is draining: no attempt begins until `steadfast daemon drain --undo`"),
        Mood::Stopping => (true, "the daemon is stopping: its successor goes on"),
    }
}

fn process(piece: Piece) -> String {
    match piece {
        Piece::Attempt(number) => format!("attempt {number} is running"),
        Piece::Finalizer { .. } => format!("finalizer {piece} is running"),
    }
}

fn turn(ahead: Ahead, job: &str) -> String {
    match ahead {
        Ahead::Exactly(0) => format!("it is the next of job `{job}`"),
        Ahead::Exactly(count) => format!("{count} of job `{job}` go first"),
        Ahead::AtLeast(count) => format!("{count} or more of job `{job}` go first"),
    }
}
