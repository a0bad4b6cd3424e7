//! Schedules against an oracle: a clock that is watched minute by minute and knows nothing of searches or gaps.

mod cron_walk;
mod oracle;
