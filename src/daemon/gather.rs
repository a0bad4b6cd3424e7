//! Evidence: what a shim saw of a process, in the words that classes are named from.

use crate::dispatch::Ended;
use crate::evidence::{Act, Classes, EXCERPT_BYTES, Evidence, Fact, HostEvent, OomScope, Part, Progress, Stream};
use crate::exec::log::{self, Log};
use crate::exec::{self, Exit, Status};
use crate::journal::{Mark, Usage};
use crate::launch::Watch;

/// Gathers what is known of an ended process.
///
/// The output is read only where it can matter: an attempt that did not exit with zero, under classes that look at output.
pub(super) fn gather(exit: &Exit, mark: Mark, argv0: &str, watch: &Watch, classes: Option<&Classes>) -> Ended {
    let mut evidence = Evidence::of_program(argv0);
    evidence.progress = match (&exit.said.checkpoint, exit.said.step) {
        (None, None) => Progress::Unknown,
        (None, Some(0)) => Progress::None,
        (Some(_), _) | (_, Some(_)) => Progress::Made,
    };
    evidence.facts.extend(exit.said.facts.iter().cloned());
    match exit.act {
        Some(exec::Act::TimedOut) => {
            let limit = watch.limit.unwrap_or_default();
            evidence.push(Fact::Act(Act::AttemptTimeout { limit }));
        }
        Some(exec::Act::Stopped) => evidence.push(Fact::Act(Act::Stopped)),
        // Whoever ended the shim ends the machine or the service; the attempt goes on later.
        Some(exec::Act::SystemStop) => evidence.push(Fact::Host(HostEvent::Preempted)),
        None => {}
    }
    if exit.oom_kills.is_some_and(|kills| kills > 0) {
        evidence.push(Fact::OomKill(OomScope::Own));
    }
    ended(&exit.status, &mut evidence);
    let failed = !matches!(exit.status, Status::Exited { code: 0 });
    if let (true, Some(classes)) = (failed && exit.output.bytes > 0, classes) {
        evidence.facts.extend(output(exit, classes));
    }
    let progress = exit.said.checkpoint.as_ref().map(|(_, step)| *step);
    Ended {
        run: exit.start.run,
        piece: exit.start.piece,
        token: exit.start.token,
        progress,
        usage: usage(exit),
        sentence: exit.status.to_string(),
        evidence,
        mark: Some(mark),
    }
}

fn ended(status: &Status, evidence: &mut Evidence) {
    evidence.push(match status {
        Status::Exited { code } => Fact::Exit(i32::from(*code)),
        Status::Signalled { signal, core } => Fact::Signal { number: *signal, core: *core },
        Status::NotStarted { errno, what } => Fact::NotStarted { errno: *errno, what: what.clone() },
        Status::Interrupted { .. } => Fact::Host(HostEvent::Lost),
    });
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
        survivors: exit.survivors.iter().map(|survivor| format!("{} ({})", survivor.name, survivor.who.pid)).collect(),
    }
}
