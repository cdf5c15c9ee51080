//! How things are measured: subject and reference by turns, medians, bars reached or missed.
//! Pure but for the two functions it is given to time.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::ui;

/// Fewest rounds whose median means something.
pub(super) const ROUNDS: usize = 5;

/// What a bench found.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    figures: Vec<Figure>,
    bars: Vec<Bar>,
}

#[derive(Debug, Serialize)]
struct Figure {
    what: String,
    value: String,
    /// Every single round, so that a reader can judge the spread.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rounds: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Bar {
    id: &'static str,
    wanted: String,
    found: String,
    reached: bool,
}

/// Times of subject and reference, round by round.
#[derive(Debug, Default)]
pub(super) struct Duel {
    pub(super) subject: Vec<Duration>,
    pub(super) reference: Vec<Duration>,
}

impl Duel {
    /// Lets both run `ROUNDS` times, each being first every other time, so that a machine that warms up or
    /// gets busy does not favour one of them. One round before that is not counted.
    pub(super) fn run(
        mut subject: impl FnMut() -> Result<Duration>,
        mut reference: impl FnMut() -> Result<Duration>,
    ) -> Result<Self> {
        let mut duel = Self::default();
        for round in 0..=ROUNDS {
            let (mine, theirs);
            if round % 2 == 0 {
                mine = subject()?;
                theirs = reference()?;
            } else {
                theirs = reference()?;
                mine = subject()?;
            }
            let note = if round == 0 { " (not counted)" } else { "" };
            ui::say(&format!(
                "  round {round}: {} against {}{note}",
                ui::short_time(mine),
                ui::short_time(theirs)
            ));
            if round > 0 {
                duel.subject.push(mine);
                duel.reference.push(theirs);
            }
        }
        Ok(duel)
    }

    /// How many times as fast as the reference the subject is, in hundredths.
    pub(super) fn speed_percent(&self) -> u64 {
        let mine = median(&self.subject).as_micros().max(1);
        u64::try_from(median(&self.reference).as_micros() * 100 / mine).unwrap_or(u64::MAX)
    }
}

/// Ticks of processor time over all rounds, the uncounted one too, as time of one round. Less noisy than the
/// clock on the wall when others use the machine.
pub(super) fn each_round(ticks: u64) -> String {
    let rounds = u64::try_from(ROUNDS + 1).unwrap_or(1);
    ui::short_time(Duration::from_millis(ticks * 10 / rounds))
}

/// The middle one, or the lower of the two middle ones.
pub(super) fn median<T: Copy + Ord + Default>(values: &[T]) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// `125` → `1.25 ×`.
pub(super) fn times(percent: u64) -> String {
    format!("{}.{:02} ×", percent / 100, percent % 100)
}

impl Report {
    pub(super) fn figure(&mut self, what: impl Into<String>, value: impl Into<String>) {
        self.figures.push(Figure { what: what.into(), value: value.into(), rounds: Vec::new() });
    }

    pub(super) fn durations(&mut self, what: &str, rounds: &[Duration]) {
        self.figures.push(Figure {
            what: what.to_owned(),
            value: ui::short_time(median(rounds)),
            rounds: rounds.iter().map(|&time| ui::short_time(time)).collect(),
        });
    }

    /// A bar in percent: at least so many times as fast.
    pub(super) fn at_least(&mut self, id: &'static str, wanted_percent: u64, found_percent: u64) {
        self.bars.push(Bar {
            id,
            wanted: format!("≥ {}", times(wanted_percent)),
            found: times(found_percent),
            reached: found_percent >= wanted_percent,
        });
    }

    /// A bar in bytes.
    pub(super) fn at_most_bytes(&mut self, id: &'static str, wanted: u64, found: u64) {
        self.bars.push(Bar {
            id,
            wanted: format!("≤ {}", ui::short_size(wanted)),
            found: ui::short_size(found),
            reached: found <= wanted,
        });
    }

    /// A bar in time.
    pub(super) fn at_most_time(&mut self, id: &'static str, wanted: Duration, found: Duration) {
        self.bars.push(Bar {
            id,
            wanted: format!("≤ {}", ui::short_time(wanted)),
            found: ui::short_time(found),
            reached: found <= wanted,
        });
    }

    pub(super) fn to_table(&self) -> String {
        let figures: Vec<Vec<String>> =
            self.figures.iter().map(|figure| vec![figure.what.clone(), figure.value.clone()]).collect();
        let bars: Vec<Vec<String>> = self
            .bars
            .iter()
            .map(|bar| {
                let mark = if bar.reached { "✓ reached" } else { "✗ missed" };
                vec![bar.id.to_owned(), bar.wanted.clone(), bar.found.clone(), mark.to_owned()]
            })
            .collect();
        format!(
            "{}\n{}",
            ui::table(&["measured", "median"], &figures),
            ui::table(&["bar", "wanted", "found", ""], &bars)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_a_value_that_was_measured() {
        assert_eq!(median(&[5, 1, 3]), 3);
        assert_eq!(median(&[4, 1, 3, 2]), 2);
        assert_eq!(median::<u64>(&[]), 0);
    }

    #[test]
    fn a_duel_alternates_and_drops_its_first_round() {
        let order = std::cell::RefCell::new(String::new());
        let duel = Duel::run(
            || {
                order.borrow_mut().push('s');
                Ok(Duration::from_millis(10))
            },
            || {
                order.borrow_mut().push('r');
                Ok(Duration::from_millis(25))
            },
        )
        .unwrap();
        assert_eq!(*order.borrow(), "srrssrrssrrs");
        assert_eq!((duel.subject.len(), duel.reference.len()), (ROUNDS, ROUNDS));
        assert_eq!(duel.speed_percent(), 250);
    }

    #[test]
    fn processor_time_is_told_for_one_round() {
        assert_eq!(each_round(600), ui::short_time(Duration::from_secs(1)));
    }

    #[test]
    fn bars_say_whether_they_are_reached() {
        let mut report = Report::default();
        report.at_least("P-6", 500, 612);
        report.at_most_bytes("P-12", 10 << 20, 11 << 20);
        assert_eq!(report.bars.iter().map(|bar| bar.reached).collect::<Vec<_>>(), [true, false]);
        let table = report.to_table();
        assert!(table.contains("6.12 ×") && table.contains("✗ missed"), "{table}");
    }
}
