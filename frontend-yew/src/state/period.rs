//! Spans of days that people ask reports for. Pure: today is an argument.

use messages::http::reports::Day;

/// Which days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    Today,
    Yesterday,
    /// Today and the six days before it.
    Week,
    /// From the first of the month until today.
    Month,
    LastMonth,
    Custom {
        from: Day,
        to: Day,
    },
}

impl Period {
    /// Those that need no more to be said.
    pub const READY: [(Self, &'static str, &'static str); 5] = [
        (Self::Today, "today", "Today"),
        (Self::Yesterday, "yesterday", "Yesterday"),
        (Self::Week, "week", "7 days"),
        (Self::Month, "month", "This month"),
        (Self::LastMonth, "last-month", "Last month"),
    ];

    /// First and last day.
    #[must_use]
    pub fn span(self, today: Day) -> (Day, Day) {
        match self {
            Self::Today => (today, today),
            Self::Yesterday => (plus(today, -1), plus(today, -1)),
            Self::Week => (plus(today, -6), today),
            Self::Month => (first_of_month(today), today),
            Self::LastMonth => {
                let last = plus(first_of_month(today), -1);
                (first_of_month(last), last)
            }
            Self::Custom { from, to } => (from, to),
        }
    }

    /// Does the span hold today, so that its figures still move?
    #[must_use]
    pub fn is_open(self, today: Day) -> bool {
        self.span(today).1 >= today
    }
}

fn first_of_month(day: Day) -> Day {
    Day::from_number(day.number() / 100 * 100 + 1).unwrap_or(day)
}

/// The day so many days later; the day itself, where the calendar ends.
#[must_use]
pub fn plus(day: Day, days: i64) -> Day {
    from_serial(serial(day) + days).unwrap_or(day)
}

/// Both days and those between, at most `most`.
#[must_use]
pub fn days(from: Day, to: Day, most: usize) -> Vec<Day> {
    (serial(from)..=serial(to)).take(most).filter_map(from_serial).collect()
}

/// Days since the first of March of the year nought, by counting years from March.
fn serial(day: Day) -> i64 {
    let number = i64::from(day.number());
    let (year, month, date) = (number / 10_000, number / 100 % 100, number % 100);
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + date - 1
}

fn from_serial(serial: i64) -> Option<Day> {
    let era = serial.div_euclid(146_097);
    let in_era = serial.rem_euclid(146_097);
    let year = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let date = in_year - (153 * month + 2) / 5 + 1;
    let (year, month) =
        if month < 10 { (year + era * 400, month + 3) } else { (year + era * 400 + 1, month - 9) };
    Day::new(u16::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(date).ok()?)
}

/// `21 Nov`, or with its year where that is not the present one.
#[must_use]
pub fn short(day: Day, today: Day) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let number = day.number();
    let month = MONTHS.get((number / 100 % 100) as usize - 1).copied().unwrap_or_default();
    let short = format!("{} {month}", number % 100);
    if number / 10_000 == today.number() / 10_000 { short } else { format!("{short} {}", number / 10_000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn days_follow_each_other_through_leap_years_and_centuries() {
        for (from, days, to) in [
            ("2026-11-21", 1, "2026-11-22"),
            ("2026-12-31", 1, "2027-01-01"),
            ("2024-02-28", 1, "2024-02-29"),
            ("2026-02-28", 1, "2026-03-01"),
            ("2000-02-28", 1, "2000-02-29"),
            ("1900-02-28", 1, "1900-03-01"),
            ("2026-03-01", -1, "2026-02-28"),
            ("2026-01-01", -365, "2025-01-01"),
            ("9999-12-31", 1, "9999-12-31"),
        ] {
            assert_eq!(plus(day(from), days), day(to), "{from} {days}");
        }
        let mut at = day("1999-12-31");
        for _ in 0..1_000 {
            let next = plus(at, 1);
            assert!(next > at && plus(next, -1) == at);
            at = next;
        }
        assert_eq!(at, day("2002-09-26"));
        assert_eq!(days(day("2026-02-27"), day("2026-03-02"), 100).len(), 4);
        assert_eq!(days(day("2026-02-27"), day("2026-03-02"), 2).len(), 2);
        assert!(days(day("2026-03-02"), day("2026-02-27"), 100).is_empty());
    }

    #[test]
    fn periods_are_spans_of_days() {
        let today = day("2026-03-15");
        for (period, from, to, open) in [
            (Period::Today, "2026-03-15", "2026-03-15", true),
            (Period::Yesterday, "2026-03-14", "2026-03-14", false),
            (Period::Week, "2026-03-09", "2026-03-15", true),
            (Period::Month, "2026-03-01", "2026-03-15", true),
            (Period::LastMonth, "2026-02-01", "2026-02-28", false),
        ] {
            assert_eq!(period.span(today), (day(from), day(to)));
            assert_eq!(period.is_open(today), open);
        }
        assert_eq!(short(today, today), "15 Mar");
        assert_eq!(short(day("2025-12-01"), today), "1 Dec 2025");
    }
}
