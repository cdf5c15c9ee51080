//! Time zones: from a zone's name and a time of day to an instant. Pure: the table of zones is in the program, so
//! every node of a cluster reads the same clock whatever its machine has installed.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use messages::Timestamp;

/// There is no such zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone \"{0}\"; use an IANA name such as Asia/Ho_Chi_Minh, Europe/Berlin or UTC")]
pub struct UnknownZone(String);

#[derive(Debug, Clone, PartialEq)]
pub struct Zone(TimeZone);

impl std::str::FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        TimeZone::get(name).map(Self).map_err(|_| UnknownZone(name.chars().take(64).collect()))
    }
}

impl Zone {
    /// What the zone's clock shows.
    #[must_use]
    pub fn clock(&self, at: Timestamp) -> Option<DateTime> {
        Some(self.0.to_datetime(instant(at)?))
    }

    /// When the clock shows `time`: the first time, if it does so twice; right after the leap, if it leaps over it.
    #[must_use]
    pub fn instant_of(&self, time: DateTime) -> Option<Timestamp> {
        let at = |offset: Offset| offset.to_timestamp(time).ok();
        let instant = match self.0.to_ambiguous_timestamp(time).offset() {
            AmbiguousOffset::Unambiguous { offset } => at(offset)?,
            AmbiguousOffset::Fold { before, .. } => at(before)?,
            AmbiguousOffset::Gap { before, .. } => {
                // Read by the offset before the leap, the time lies at or after it.
                let after = at(before)?.checked_add(jiff::SignedDuration::from_nanos(1)).ok()?;
                self.0.preceding(after).next()?.timestamp()
            }
        };
        Some(Timestamp(instant.as_millisecond()))
    }

    /// As it is shown to people, such as `Sun 29 Mar 2026 03:00 CEST`.
    #[must_use]
    pub fn text(&self, at: Timestamp) -> String {
        instant(at).map_or_else(
            || at.to_string(),
            |at| {
                at.to_zoned(self.0.clone())
                    .strftime("%a %-d %b %Y %H:%M:%S %Z")
                    .to_string()
                    .replace(":00 ", " ")
            },
        )
    }
}

fn instant(at: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(at.0).ok()
}
