//! Evidence: what a shim saw of a process, in the words that classes are named from.

use steadfast_retry::Limits;

use crate::dispatch::Ended;
use crate::evidence::{Act, Classes, EXCERPT_BYTES, Fact, HostEvent, Part, Seen, Stream};
use crate::exec::log::{self, Log};
use crate::exec::{self, Exit, Status};
use crate::journal::{Mark, Usage};
use crate::launch::Watch;

/// Gathers what is known of an ended process.
///
/// The output is read only where it can matter: an attempt that did not exit with zero, under classes that look at output.
pub(super) fn gather(exit: &Exit, mark: Mark, argv0: &str, watch: &Watch, terms: Option<(&Classes, &Limits)>) -> Ended {
    let act = match exit.act {
        Some(exec::Act::TimedOut) => {
            let limits = terms.map(|(_, limits)| limits);
            Some(Fact::Act(Act::of_limit(limits, watch.limit.unwrap_or(exit.ran))))
        }
        Some(exec::Act::Stopped) => Some(Fact::Act(Act::Stopped)),
        // Whoever ended the shim ends the machine or the service; the attempt goes on later.
        Some(exec::Act::SystemStop) => Some(Fact::Host(HostEvent::Preempted)),
        None => None,
    };
    let failed = !matches!(exit.status, Status::Exited { code: 0 });
    let output = match terms {
        Some((classes, _)) if failed && exit.output.bytes > 0 => output(exit, classes),
        Some(_) | None => Vec::new(),
    };
    let seen = Seen {
        progress: exit.said.progress(),
        said: &exit.said.facts,
        act,
        oom_kills: exit.oom_kills.unwrap_or(0),
        output,
        ..Seen::of(argv0, exit.status.fact())
    };
    let progress = exit.said.checkpoint.as_ref().map(|(_, step)| *step);
    Ended {
        run: exit.start.run,
        piece: exit.start.piece,
        token: exit.start.token,
        progress,
        usage: usage(exit),
        sentence: exit.sentence(watch.limit),
        evidence: seen.evidence(),
        mark: Some(mark),
    }
}

/// Searches the first and the last part of the output, each stream by itself.
fn output(exit: &Exit, classes: &Classes) -> Vec<Fact> {
    let Some(log) = exit.output.base.as_ref().and_then(|base| Log::open(base).ok()) else { return Vec::new() };
    let excerpt = EXCERPT_BYTES as u64;
    let end = log.end();
    let (head, tail) = (0..end.min(excerpt), end.saturating_sub(excerpt).max(end.min(excerpt))..end);
    let texts: Vec<(Stream, Vec<u8>)> = [head, tail]
        .into_iter()
        .flat_map(|range| {
            let err = (Stream::Stderr, bytes(&log, range.clone(), |stream| stream == log::Stream::Err));
            let out =
                (Stream::Stdout, bytes(&log, range, |stream| matches!(stream, log::Stream::Out | log::Stream::Mixed)));
            [err, out]
        })
        .collect();
    let parts: Vec<Part<'_>> = texts.iter().map(|(stream, bytes)| Part { stream: *stream, bytes }).collect();
    classes.search(&parts)
}

/// Reads what some streams wrote within a range of a log. What cannot be read is left out: a log is no evidence of success.
fn bytes(whole: &Log, range: std::ops::Range<u64>, wanted: impl Fn(log::Stream) -> bool) -> Vec<u8> {
    let mut text = Vec::new();
    for chunk in whole.chunks().iter().filter(|chunk| wanted(chunk.stream)) {
        let (from, to) = (chunk.offset.max(range.start), chunk.end().min(range.end));
        if from < to {
            let mut piece = vec![0; (to - from) as usize];
            let read = whole.read_at(from, &mut piece).unwrap_or(0);
            text.extend_from_slice(&piece[..read]);
        }
    }
    text
}

fn usage(exit: &Exit) -> Usage {
    Usage {
        took: exit.ran,
        cpu: exit.usage.processor(),
        peak_bytes: exit.usage.max_rss_kib * 1024,
        output_bytes: exit.output.bytes,
        dropped_bytes: exit.output.dropped_bytes,
        survivors: exit.survivors.iter().map(ToString::to_string).collect(),
        stopped: exit.stopped.iter().map(ToString::to_string).collect(),
        unenforced: exit.unenforced.clone(),
    }
}
