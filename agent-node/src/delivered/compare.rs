//! What the destination has against what was read: both in the order of their article numbers, so that one walk
//! tells new, changed, unchanged and vanished articles apart. Pure but for the iterators, which may fail.

use std::io;

use messages::export::{Alarm, Harm, HarmGuard, HarmKind, Sample, Survey};

use super::record::{Entry, IN_DOUBT, Record, Stock};

/// One article number, and where it stands.
#[derive(Debug)]
pub enum Found<'a> {
    /// `places` are those of all its items; the record is that of the last one, which is what the destination will have.
    New {
        new: &'a Record,
        places: &'a [u64],
    },
    Both {
        old: &'a Record,
        new: &'a Record,
        places: &'a [u64],
    },
    Vanished {
        old: &'a Record,
    },
}

impl Found<'_> {
    /// Does the destination have it as it was read?
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        matches!(self, Self::Both { old, new, .. } if old.print == new.print && old.print != IN_DOUBT)
    }
}

/// Walks over both sides once. Each must be in order; `new` may have an article several times.
pub fn walk(
    old: impl Iterator<Item = io::Result<Record>>,
    new: impl Iterator<Item = io::Result<Entry>>,
    mut each: impl FnMut(Found<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let (mut old, mut new) = (old.peekable(), new.peekable());
    let mut places = Vec::new();
    while let Some(entry) = new.next().transpose()? {
        let Entry { record: mut read, place } = entry;
        places.clear();
        places.push(place);
        while let Some(again) =
            new.next_if(|next| next.as_ref().is_ok_and(|next| next.record.sku == read.sku))
        {
            let again = again?;
            read = again.record;
            places.push(again.place);
        }
        while let Some(gone) = old.next_if(|old| old.as_ref().map_or(true, |old| old.sku < read.sku)) {
            each(Found::Vanished { old: &gone? })?;
        }
        match old.next_if(|old| old.as_ref().is_ok_and(|old| old.sku == read.sku)) {
            Some(known) => each(Found::Both { old: &known?, new: &read, places: &places })?,
            None => each(Found::New { new: &read, places: &places })?,
        }
    }
    for gone in old {
        each(Found::Vanished { old: &gone? })?;
    }
    Ok(())
}

/// Counts of a walk, with some articles that are harmed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub new: u64,
    pub changed: u64,
    pub unchanged: u64,
    pub harm: Harm,
    /// Articles that were in stock.
    stocked: u64,
    pub samples: Vec<Sample>,
}

impl Tally {
    /// Articles that the destination had.
    #[must_use]
    pub const fn known(&self) -> u64 {
        self.changed + self.unchanged + self.harm.vanished
    }

    pub fn count(&mut self, found: &Found<'_>, guard: &HarmGuard) {
        let unchanged = found.is_unchanged();
        match found {
            Found::New { .. } => self.new += 1,
            Found::Vanished { old } => {
                self.stocked += u64::from(old.stock == Stock::Some);
                self.harm.vanished += 1;
                self.sample(HarmKind::Vanished, old, old.shown_price(), String::new());
            }
            Found::Both { old, new, .. } => {
                self.stocked += u64::from(old.stock == Stock::Some);
                if unchanged {
                    self.unchanged += 1;
                    return;
                }
                self.changed += 1;
                if old.stock == Stock::Some && new.stock == Stock::None {
                    self.harm.zeroed += 1;
                    self.sample(HarmKind::Zeroed, new, "in stock".into(), "0".into());
                }
                if is_repriced(old.price, new.price, guard.repriced_by_percent) {
                    self.harm.repriced += 1;
                    self.sample(HarmKind::Repriced, new, old.shown_price(), new.shown_price());
                }
            }
        }
    }

    fn sample(&mut self, kind: HarmKind, of: &Record, before: String, after: String) {
        if self.samples.iter().filter(|sample| sample.kind == kind).count() < Survey::MAX_SAMPLES {
            let (sku, name) = (of.sku.to_string(), of.name.to_string());
            self.samples.push(Sample { kind, sku, name, before, after });
        }
    }

    /// The limits that were gone beyond.
    #[must_use]
    pub fn alarms(&self, guard: &HarmGuard) -> Vec<Alarm> {
        let alarm = |kind: HarmKind| {
            let of = match kind {
                HarmKind::Vanished => self.known(),
                HarmKind::Zeroed => self.stocked,
                HarmKind::Repriced => self.changed + self.unchanged,
            };
            let (count, limit_percent) = (self.harm.of(kind), guard.limit(kind)?);
            let beyond = u128::from(count) * 100 > u128::from(limit_percent) * u128::from(of);
            (beyond && count >= guard.floor).then_some(Alarm { kind, count, of, limit_percent })
        };
        HarmKind::ALL.into_iter().filter_map(alarm).collect()
    }
}

/// By more than so many per cent of the former price, up or down. From nothing to something always counts.
fn is_repriced(old: i64, new: i64, by_percent: u32) -> bool {
    let difference = (i128::from(new) - i128::from(old)).unsigned_abs();
    difference * 100 > u128::from(old.unsigned_abs()) * u128::from(by_percent)
}

/// The alarms that no approval covers: harm that is larger than what somebody looked at.
#[must_use]
pub fn unapproved(alarms: &[Alarm], approved: Option<Harm>) -> Vec<Alarm> {
    let approved = approved.unwrap_or_default();
    alarms.iter().filter(|alarm| alarm.count > approved.of(alarm.kind)).copied().collect()
}

/// Why a run stops, for people.
#[must_use]
pub fn told(alarms: &[Alarm]) -> String {
    let parts: Vec<_> = alarms
        .iter()
        .map(|Alarm { kind, count, of, limit_percent }| {
            let what = match kind {
                HarmKind::Vanished => "articles would vanish",
                HarmKind::Zeroed => "articles in stock would drop to zero",
                HarmKind::Repriced => "articles would change their price",
            };
            let percent = u128::from(*count) * 100 / u128::from((*of).max(1));
            format!("{count} of {of} {what} ({percent} %), and the job allows {limit_percent} %")
        })
        .collect();
    format!("{}; nothing was sent", parts.join("; "))
}

#[cfg(test)]
#[path = "compare/tests.rs"]
mod tests;
