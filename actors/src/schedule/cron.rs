//! Cron expressions of five fields. Pure.
//!
//! Lists, ranges, steps, names of months and days; Sunday is 0 or 7. When both the day of the month and the day of the
//! week are told, either is enough, as everywhere cron is spoken. No year, no seconds, no `L`, `W` or `#`.

use jiff::civil::{Date, DateTime};

/// A day is found within this many, or never: 29 February on a given day of the week is up to forty years apart.
const HORIZON_DAYS: u32 = 40 * 366 + 1;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// What is wrong with an expression, naming the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    #[error(
        "must have five fields (minute, hour, day of the month, month, day of the week), as in 30 2 * * mon-fri; \
         it has {0}"
    )]
    Fields(usize),
    #[error("the {field} \"{text}\" {fault}")]
    Field { field: &'static str, text: String, fault: String },
    #[error("never comes: no month named has such a day")]
    Never,
}

/// Which values each field admits, as sets of bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Told as anything but `*`; with both, one is enough.
    by_day: bool,
    by_weekday: bool,
}

struct Field {
    name: &'static str,
    min: u32,
    max: u32,
    names: &'static [&'static str],
}

impl Field {
    const ALL: [Self; 5] = [
        Self { name: "minute", min: 0, max: 59, names: &[] },
        Self { name: "hour", min: 0, max: 23, names: &[] },
        Self { name: "day of the month", min: 1, max: 31, names: &[] },
        Self { name: "month", min: 1, max: 12, names: &MONTHS },
        Self { name: "day of the week", min: 0, max: 7, names: &DAYS },
    ];

    fn wrong(&self, text: &str, fault: impl Into<String>) -> CronError {
        CronError::Field { field: self.name, text: text.to_owned(), fault: fault.into() }
    }

    fn parse(&self, text: &str) -> Result<u64, CronError> {
        text.split(',').try_fold(0, |set, part| Ok(set | self.part(part, text)?))
    }

    fn part(&self, part: &str, whole: &str) -> Result<u64, CronError> {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let step = match step.map(str::parse::<u32>) {
            None => 1,
            Some(Ok(step)) if (1..=self.max).contains(&step) => step,
            Some(_) => {
                return Err(
                    self.wrong(whole, format!("has a step that is no number between 1 and {}", self.max))
                );
            }
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (self.min, self.last()),
            Some((from, to)) => (self.value(from, whole)?, self.upper(to, whole)?),
            None => {
                let value = self.value(range, whole)?;
                // 5/15 means: from 5 on, every 15.
                (value, if part.contains('/') { self.last() } else { value })
            }
        };
        if from > to {
            return Err(self.wrong(whole, "has a range that ends before it begins"));
        }
        Ok((from..=to).step_by(step as usize).fold(0, |set, value| set | 1 << value))
    }

    /// The week has seven days, however its numbers go.
    const fn last(&self) -> u32 {
        if self.max == 7 { 6 } else { self.max }
    }

    /// The end of a range; `fri-sun` ends on day 7.
    fn upper(&self, text: &str, whole: &str) -> Result<u32, CronError> {
        let value = self.value(text, whole)?;
        Ok(if self.max == 7 && value == 0 { 7 } else { value })
    }

    fn value(&self, text: &str, whole: &str) -> Result<u32, CronError> {
        let name = text.to_ascii_lowercase();
        if let Some(place) = self.names.iter().position(|known| *known == name) {
            return Ok(u32::try_from(place).unwrap_or(0) + self.min);
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let value = digits.then(|| text.parse().ok()).flatten();
        let named = if self.names.is_empty() { "" } else { ", or names of three letters," };
        value.filter(|value| (self.min..=self.max).contains(value)).ok_or_else(|| {
            self.wrong(whole, format!("must be made of numbers{named} between {} and {}", self.min, self.max))
        })
    }
}

impl std::str::FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let texts: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = texts[..] else {
            return Err(CronError::Fields(texts.len()));
        };
        let [minutes, hours, days, months, weekdays] = &Field::ALL;
        let weekday_set = weekdays.parse(weekday)?;
        let cron = Self {
            minutes: minutes.parse(minute)?,
            hours: hours.parse(hour)?,
            days: days.parse(day)?,
            months: months.parse(month)?,
            // Day 7 is day 0.
            weekdays: (weekday_set | weekday_set >> 7) & 0x7f,
            by_day: !day.starts_with('*'),
            by_weekday: !weekday.starts_with('*'),
        };
        // Any leap year tells whether one of its days matches.
        let leap = Date::constant(2024, 1, 1);
        if cron.first_day(leap).is_none() { Err(CronError::Never) } else { Ok(cron) }
    }
}

impl Cron {
    /// The first time of day that matches, at `from` or after it.
    #[must_use]
    pub fn first_from(&self, from: DateTime) -> Option<DateTime> {
        if self.has(from.date())
            && let Some((hour, minute)) = self.time_from(from.hour(), from.minute())
        {
            return Some(from.date().at(hour, minute, 0, 0));
        }
        let date = self.first_day(from.date().tomorrow().ok()?)?;
        let (hour, minute) = self.time_from(0, 0)?;
        Some(date.at(hour, minute, 0, 0))
    }

    fn first_day(&self, mut date: Date) -> Option<Date> {
        for _ in 0..HORIZON_DAYS {
            if self.has(date) {
                return Some(date);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn has(&self, date: Date) -> bool {
        let day = is_in(self.days, date.day());
        let weekday = is_in(self.weekdays, date.weekday().to_sunday_zero_offset());
        let matches = if self.by_day && self.by_weekday { day || weekday } else { day && weekday };
        matches && is_in(self.months, date.month())
    }

    fn time_from(&self, hour: i8, minute: i8) -> Option<(i8, i8)> {
        let same_hour = is_in(self.hours, hour).then(|| (minute..60).find(|m| is_in(self.minutes, *m)));
        if let Some(Some(minute)) = same_hour {
            return Some((hour, minute));
        }
        let hour = (hour + 1..24).find(|h| is_in(self.hours, *h))?;
        let minute = (0..60).find(|m| is_in(self.minutes, *m))?;
        Some((hour, minute))
    }
}

fn is_in(set: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| set >> value & 1 == 1)
}
