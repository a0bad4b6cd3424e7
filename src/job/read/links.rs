//! Following `after` from job to job.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use steadfast_retry::table::{Located, Source};

use crate::job::{Code, Diagnostic};

/// The most circles that are told at a time.
const MOST_CIRCLES: usize = 20;

/// The jobs that one job comes after, with their places.
pub(super) struct Links<'a> {
    pub(super) source: &'a Source,
    pub(super) jobs: &'a [Located<String>],
}

/// Finds jobs that wait for one another; each circle is told once, at the link of its first job.
pub(super) fn circles(links: &BTreeMap<&str, Links<'_>>) -> Vec<Diagnostic> {
    let mut left = still_waiting(links, links.keys().copied().collect());
    let mut found = Vec::new();
    while let Some(first) = left.first().copied().filter(|_| found.len() < MOST_CIRCLES) {
        let round = round(links, &left, first);
        let start = round.iter().min().expect("a circle has a job");
        let at = round.iter().position(|job| job == start).unwrap_or_default();
        let round: Vec<&str> = round[at..].iter().chain(&round[..at]).copied().collect();
        found.push(told(links, &round));
        left.retain(|job| !round.contains(job));
        left = still_waiting(links, left);
    }
    found
}

/// Takes out, again and again, whoever waits for nobody that is left; what remains is in a circle or behind one.
fn still_waiting<'a>(links: &BTreeMap<&'a str, Links<'_>>, mut left: BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    let mut owed: BTreeMap<&str, usize> = BTreeMap::new();
    let mut followers: BTreeMap<&str, Vec<&'a str>> = BTreeMap::new();
    for job in &left {
        let wanted = links[job].jobs.iter().filter_map(|wanted| left.get(wanted.value.as_str()));
        for wanted in wanted {
            *owed.entry(job).or_default() += 1;
            followers.entry(wanted).or_default().push(job);
        }
    }
    let mut free: Vec<&str> = left.iter().copied().filter(|job| !owed.contains_key(job)).collect();
    while let Some(job) = free.pop() {
        left.remove(job);
        for follower in followers.get(job).into_iter().flatten() {
            let owes = owed.get_mut(follower).expect("a follower owes what it follows");
            *owes -= 1;
            if *owes == 0 {
                free.push(follower);
            }
        }
    }
    left
}

/// Walks from a job along links that are left until a job comes again.
fn round<'a>(links: &BTreeMap<&'a str, Links<'_>>, left: &BTreeSet<&'a str>, first: &'a str) -> Vec<&'a str> {
    let mut way = vec![first];
    loop {
        let here = way[way.len() - 1];
        let wanted = links[here].jobs.iter().find_map(|wanted| left.get(wanted.value.as_str()));
        let next = *wanted.expect("a job that is left waits for another that is left");
        if let Some(start) = way.iter().position(|job| *job == next) {
            return way.split_off(start);
        }
        way.push(next);
    }
}

fn told(links: &BTreeMap<&str, Links<'_>>, round: &[&str]) -> Diagnostic {
    let next = round[1 % round.len()];
    let Links { source, jobs } = &links[round[0]];
    let span: Range<usize> = jobs.iter().find(|wanted| wanted.value == next).map_or(0..0, |wanted| wanted.span.clone());
    if round.len() == 1 {
        let message = format!("`{next}` comes after itself, so it would never start");
        return Diagnostic::at(Code::CYCLE, source, span, message, "take it out of `after`");
    }
    let way: Vec<&str> = round.iter().copied().chain([round[0]]).take(20).collect();
    let message = format!("jobs wait for one another in a circle: {}", way.join(" -> "));
    Diagnostic::at(Code::CYCLE, source, span, message, "take one of these links out of `after`")
}
