//! A report of sales as it is shown: one currency at a time, steps without sales filled in. Pure.

use messages::edge::Currency;
use messages::http::reports::{Day, SalesReport, SalesRow, SalesSums, Step};

use super::period::{days, short};

/// Bars and rows of a report; a year and a bit is the longest span that the hub takes.
const MOST_STEPS: usize = 400;
const HOURS: u8 = 24;

/// One bar and one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    pub label: String,
    pub sums: SalesSums,
}

/// By what a span is cut into bars: one day by its hours, more of them by days.
#[must_use]
pub fn step_of(from: Day, to: Day) -> Step {
    if from == to { Step::Hour } else { Step::Day }
}

/// Currencies of a report, the one with the most sales first.
#[must_use]
pub fn currencies(report: &SalesReport) -> Vec<Currency> {
    let mut totals: Vec<&SalesRow> = Vec::new();
    for row in &report.totals {
        let place = totals.partition_point(|other| other.sums.sales >= row.sums.sales);
        totals.insert(place, row);
    }
    totals.into_iter().map(|row| row.currency).collect()
}

/// The sums of the whole span.
#[must_use]
pub fn total(report: &SalesReport, currency: Currency) -> SalesSums {
    report.totals.iter().find(|row| row.currency == currency).map(|row| row.sums).unwrap_or_default()
}

/// One point for each step of the span, in order.
#[must_use]
pub fn points(
    report: &SalesReport,
    currency: Currency,
    (from, to): (Day, Day),
    today: Day,
    by: Step,
) -> Vec<Point> {
    let sums = |wanted: &dyn Fn(&SalesRow) -> bool| {
        let rows = report.rows.iter().filter(|row| row.currency == currency && wanted(row));
        rows.fold(SalesSums::default(), |mut sum, row| {
            sum += row.sums;
            sum
        })
    };
    match by {
        Step::Day => days(from, to, MOST_STEPS)
            .into_iter()
            .map(|day| Point { label: short(day, today), sums: sums(&|row| row.day == Some(day)) })
            .collect(),
        Step::Hour | Step::HourOfDay => (0..HOURS)
            .map(|hour| Point { label: format!("{hour:02}:00"), sums: sums(&|row| row.hour == Some(hour)) })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use messages::edge::Amount;

    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn row(day: Option<Day>, hour: Option<u8>, currency: Currency, total: i64) -> SalesRow {
        let sums = SalesSums { sales: 1, total: Amount::new(total), ..SalesSums::default() };
        SalesRow { store_id: None, day, hour, currency, sums }
    }

    #[test]
    fn gaps_are_filled_and_currencies_kept_apart() {
        let (first, last) = (day("2026-02-27"), day("2026-03-01"));
        let report = SalesReport {
            rows: vec![
                row(Some(first), None, Currency::EUR, 5),
                row(Some(last), None, Currency::EUR, 7),
                row(Some(last), None, Currency::VND, 100),
            ],
            totals: vec![row(None, None, Currency::VND, 100), {
                let mut total = row(None, None, Currency::EUR, 12);
                total.sums.sales = 2;
                total
            }],
        };
        assert_eq!(currencies(&report), [Currency::EUR, Currency::VND]);
        assert_eq!(total(&report, Currency::EUR).total, Amount::new(12));
        assert_eq!(total(&report, Currency::CHF), SalesSums::default());
        let shown = points(&report, Currency::EUR, (first, last), last, Step::Day);
        let told: Vec<_> = shown.iter().map(|it| (it.label.as_str(), it.sums.total.minor())).collect();
        assert_eq!(told, [("27 Feb", 5), ("28 Feb", 0), ("1 Mar", 7)]);
    }

    #[test]
    fn a_day_is_cut_into_its_hours() {
        let today = day("2026-02-27");
        assert_eq!((step_of(today, today), step_of(today, day("2026-02-28"))), (Step::Hour, Step::Day));
        let rows = vec![row(Some(today), Some(9), Currency::EUR, 5)];
        let report = SalesReport { rows, totals: Vec::new() };
        let shown = points(&report, Currency::EUR, (today, today), today, Step::Hour);
        assert_eq!((shown.len(), shown[9].label.as_str(), shown[9].sums.total.minor()), (24, "09:00", 5));
        assert_eq!(shown.iter().map(|it| it.sums.sales).sum::<i64>(), 1);
    }
}
