//! The oracle: a clock that is watched minute by minute.
//!
//! It is written to be plainly right and shares nothing with the schedules but the rule. It knows a zone as a list of
//! offsets, and a local time as a count of minutes. It looks at the clock at every whole local minute and at every
//! jump, and keeps the *watermark*, the first local minute that the clock has not yet come to:
//!
//! - an interval expression is due when the clock shows a whole minute that it names;
//! - a fixed one is due when a minute that it names falls below the watermark, whether the clock showed it or jumped
//!   over it. A clock that was set back shows minutes below the watermark, of which nothing is due.

/// A zone's offsets: from this second on (counted from 1970, UTC), local time is that many seconds ahead of UTC.
pub(super) type Offsets = [(i64, i64)];

/// The seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// Up to 16 expressions of five fields, watched together: bit n stands for the n-th.
pub(super) struct Oracle {
    minutes_of_day: Vec<u16>,
    days: [u16; 32],
    months: [u16; 13],
    weekdays: [u16; 7],
    either_day: u16,
    intervals: u16,
    count: usize,
}

impl Oracle {
    /// Reads expressions of numbers, `*`, ranges, steps, lists, and the names of weekdays.
    pub(super) fn new(expressions: &[&str]) -> Oracle {
        assert!(expressions.len() <= 16, "one bit for each expression");
        let mut oracle = Oracle {
            minutes_of_day: vec![0; 1_440],
            days: [0; 32],
            months: [0; 13],
            weekdays: [0; 7],
            either_day: 0,
            intervals: 0,
            count: expressions.len(),
        };
        for (place, expression) in expressions.iter().enumerate() {
            oracle.add(1 << place, expression);
        }
        oracle
    }

    fn add(&mut self, bit: u16, expression: &str) {
        let names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"].iter().enumerate();
        let plain = names.fold(expression.to_owned(), |text, (number, name)| text.replace(name, &number.to_string()));
        let [minute, hour, day, month, weekday] = plain.split(' ').collect::<Vec<_>>()[..] else {
            panic!("five fields in `{expression}`")
        };
        for minute_of_day in 0..1_440 {
            if names_value(minute, 0, minute_of_day % 60) && names_value(hour, 0, minute_of_day / 60) {
                self.minutes_of_day[minute_of_day] |= bit;
            }
        }
        let mark = |table: &mut [u16], field: &str, first: usize| {
            for (value, bits) in table.iter_mut().enumerate().skip(first) {
                *bits |= if names_value(field, first, value) { bit } else { 0 };
            }
        };
        mark(&mut self.days, day, 1);
        mark(&mut self.months, month, 1);
        mark(&mut self.weekdays, weekday, 0);
        self.either_day |= if day.starts_with('*') || weekday.starts_with('*') { 0 } else { bit };
        self.intervals |= if (0..24).all(|value| names_value(hour, 0, value)) { bit } else { 0 };
    }

    /// The expressions that name a day, given as a count of days since 1970.
    fn on_day(&self, day: i64) -> u16 {
        let (month, of_month) = month_and_day(day);
        // 1 January 1970 was a Thursday.
        let weekday = (day + 4).rem_euclid(7) as usize;
        let (of_month, of_week) = (self.days[of_month], self.weekdays[weekday]);
        self.months[month] & (of_month & of_week | self.either_day & (of_month | of_week))
    }

    /// Watches a zone's clock from `from` to `to` (seconds since 1970, both included) and returns the seconds at which
    /// each expression is due.
    pub(super) fn watch(&self, offsets: &Offsets, from: i64, to: i64) -> Vec<Vec<i64>> {
        // The watermark is right once the clock has run for longer than any clock was ever set back.
        let start = from - DAY;
        let mut stretch = offsets.iter().rposition(|(since, _)| *since <= start).expect("the offsets begin before");
        let mut watch = Watch {
            oracle: self,
            day: i64::MIN,
            on_day: 0,
            watermark: (start + offsets[stretch].1).div_euclid(60),
            dues: vec![Vec::new(); self.count],
        };
        let mut now = start;
        while now <= to {
            let local = now + offsets[stretch].1;
            watch.look(now, local);
            let next_minute = now + 60 - local.rem_euclid(60);
            now = match offsets.get(stretch + 1) {
                Some((jump, _)) if *jump <= next_minute => {
                    stretch += 1;
                    *jump
                }
                Some(_) | None => next_minute,
            };
        }
        watch.dues.iter_mut().for_each(|dues| dues.retain(|due| *due >= from));
        watch.dues
    }
}

/// A clock under watch.
struct Watch<'a> {
    oracle: &'a Oracle,
    day: i64,
    on_day: u16,
    watermark: i64,
    dues: Vec<Vec<i64>>,
}

impl Watch<'_> {
    fn look(&mut self, now: i64, local: i64) {
        let shown = local.div_euclid(60);
        if local.rem_euclid(60) == 0 {
            self.due(now, shown, self.oracle.intervals);
        }
        for minute in self.watermark..=shown {
            self.due(now, minute, !self.oracle.intervals);
        }
        self.watermark = self.watermark.max(shown + 1);
    }

    /// Notes that those of `expressions` that name the local minute are due now.
    fn due(&mut self, now: i64, minute: i64, expressions: u16) {
        let (day, minute) = (minute.div_euclid(1_440), minute.rem_euclid(1_440));
        if day != self.day {
            (self.day, self.on_day) = (day, self.oracle.on_day(day));
        }
        let mut named = self.on_day & self.oracle.minutes_of_day[minute as usize] & expressions;
        while named != 0 {
            let dues = &mut self.dues[named.trailing_zeros() as usize];
            // Minutes that were jumped over together are one.
            if dues.last() != Some(&now) {
                dues.push(now);
            }
            named &= named - 1;
        }
    }
}

/// Whether a field, whose values begin at `first`, names a value.
fn names_value(field: &str, first: usize, value: usize) -> bool {
    field.split(',').any(|item| {
        let (range, step) = item.split_once('/').unwrap_or((item, "1"));
        let number = |text: &str| -> usize { text.parse().expect("the tests name numbers") };
        let (low, high) = match range.split_once('-') {
            Some((low, high)) => (number(low), number(high)),
            None if range == "*" => (first, usize::MAX),
            None => (number(range), number(range)),
        };
        (low..=high).contains(&value) && (value - low).is_multiple_of(number(step))
    })
}

/// The month and the day of the month, by counting off years and months.
fn month_and_day(day: i64) -> (usize, usize) {
    // 146,097 days are 400 years; the calendar repeats, so it is enough to count from the year 2000.
    let mut rest = (day - 10_957).rem_euclid(146_097);
    let mut year = 0;
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while rest >= 365 + i64::from(leap(year)) {
        rest -= 365 + i64::from(leap(year));
        year += 1;
    }
    let february = 28 + i64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if rest < length {
            break;
        }
        rest -= length;
        month += 1;
    }
    (month, rest as usize + 1)
}
