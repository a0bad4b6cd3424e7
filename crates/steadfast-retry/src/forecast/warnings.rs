use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::{End, Row, Three};
use crate::{Account, AttemptLimit, Cause, ClassPattern, Delay, Policy, Pretty, Rule, Shape};

pub(super) fn of(policy: &Policy, rows: &[Row], ends: &Three<End>) -> Vec<String> {
    let mut told = Vec::new();
    told.extend(alike(policy, rows));
    told.extend(at_once(rows));
    told.extend(out_of_time(policy, ends));
    told.extend(idle_timeout(policy));
    told.extend(unreachable_rules(policy.catch()));
    told
}

/// The attempts before which the typical delay stands at the cap: three or more of them, or the cap does what it should.
fn alike(policy: &Policy, rows: &[Row]) -> Option<String> {
    let capped: Vec<(u32, Duration)> = rows
        .iter()
        .filter_map(|row| row.wait.typical.map(|wait| (row.number, wait)))
        .filter(|(_, wait)| delays(policy).any(|delay| grows(delay) && delay.longest() == Some(*wait)))
        .collect();
    let ((first, cap), (last, _)) = (capped.first()?, capped.last()?);
    (last - first >= 2)
        .then(|| format!("the cap of {} makes the delays before attempts {first} to {last} alike", Pretty(*cap)))
}

fn delays(policy: &Policy) -> impl Iterator<Item = &Delay> {
    policy.catch().iter().filter_map(|rule| rule.delay.as_ref()).chain([policy.delay()])
}

const fn grows(delay: &Delay) -> bool {
    !matches!(delay.shape(), Shape::Constant(_) | Shape::List(_))
}

fn at_once(rows: &[Row]) -> Option<String> {
    let eager = rows.iter().skip(1).take_while(|row| row.wait.latest == Some(Duration::ZERO)).count();
    (eager >= 3).then(|| format!("attempts 2 to {} follow at once, without any delay", eager + 1))
}

/// The deadline ends a run whose account would bear more.
fn out_of_time(policy: &Policy, ends: &Three<End>) -> Option<String> {
    let cut = |end: &End| {
        let (_, because) = end.ending.as_ref()?;
        let timed_out = matches!(because.cause, Cause::DeadlinePassed | Cause::NoTimeLeft { .. });
        timed_out.then_some((end.attempts, because.account))
    };
    let deadline = Pretty(policy.limits().deadline?);
    let (attempts, account) = cut(&ends.latest)?;
    let of = match account {
        Some(Account::Loop { of: AttemptLimit::AtMost(of), .. } | Account::Rule { of, .. }) => format!(" of {of}"),
        Some(_) | None => String::new(),
    };
    let next = attempts + 1;
    Some(match cut(&ends.earliest) {
        Some(_) => format!("the deadline of {deadline} leaves no room for attempt {next}{of}, however the dice fall"),
        None => format!("the deadline of {deadline} leaves no room for attempt {next}{of} if the delays are long"),
    })
}

fn idle_timeout(policy: &Policy) -> Option<String> {
    let (timeout, deadline) = (policy.limits().attempt_timeout?, policy.limits().deadline?);
    (timeout >= deadline).then(|| {
        format!(
            "attempt-timeout {} never matters: the deadline of {} ends an attempt first",
            Pretty(timeout),
            Pretty(deadline)
        )
    })
}

fn unreachable_rules(rules: &[Rule]) -> impl Iterator<Item = String> {
    rules.iter().enumerate().flat_map(move |(index, rule)| {
        rule.classes.iter().filter_map(move |pattern| {
            let earlier =
                rules[..index].iter().position(|earlier| earlier.classes.iter().any(|over| covers(over, pattern)))?;
            Some(format!("rule {} never catches `{pattern}`: rule {} does", index + 1, earlier + 1))
        })
    })
}

/// Says whether one pattern matches all that another does. A pattern read as a name, its stars being letters like others, is matched
/// by another one only if that one's stars take them in.
fn covers(over: &ClassPattern, pattern: &ClassPattern) -> bool {
    over.matches_text(pattern.as_str())
}
