//! An instant as a store's clock shows it. Pure: the zones are compiled in.

use jiff::tz::TimeZone;
use messages::Timestamp;
use messages::http::reports::Day;

use super::model::Slot;

/// The zone of that name; UTC, when there is none, for a sale must not wait for a name to be mended.
#[must_use]
pub fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// Absent for instants outside the calendar.
#[must_use]
pub fn slot(at: Timestamp, zone: &TimeZone) -> Option<Slot> {
    let local = zone.to_datetime(jiff::Timestamp::from_millisecond(at.0).ok()?);
    let number = |n: i8| u8::try_from(n).ok();
    let day = Day::new(u16::try_from(local.year()).ok()?, number(local.month())?, number(local.day())?)?;
    Some(Slot { day, hour: number(local.hour())? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_the_store() {
        for (millis, name, day, hour) in [
            // 2026-11-21T16:59:59Z and a second later
            (1_795_280_399_000, "Asia/Ho_Chi_Minh", "2026-11-21", 23),
            (1_795_280_400_000, "Asia/Ho_Chi_Minh", "2026-11-22", 0),
            (1_795_280_400_000, "UTC", "2026-11-21", 17),
            (1_795_280_400_000, "Asia/Kolkata", "2026-11-21", 22),
            (1_795_280_400_000, "No/Such_Place", "2026-11-21", 17),
            // The hour that comes twice: both are hour 2.
            (1_792_890_000_000, "Europe/Zurich", "2026-10-25", 2),
            (1_792_893_600_000, "Europe/Zurich", "2026-10-25", 3),
            (1_792_886_400_000, "Europe/Zurich", "2026-10-25", 2),
        ] {
            let found = slot(Timestamp(millis), &zone(name)).unwrap();
            assert_eq!((found.day.to_string().as_str(), found.hour), (day, hour), "{millis} {name}");
        }
        assert_eq!(slot(Timestamp(i64::MAX), &TimeZone::UTC), None);
        assert_eq!(slot(Timestamp(i64::MIN), &TimeZone::UTC), None);
    }
}
