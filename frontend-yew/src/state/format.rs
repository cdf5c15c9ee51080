//! Numbers, sizes, durations and times as people read them. Pure: "now" and the zone's offset are arguments.

use messages::Timestamp;

/// `1234567` → `1,234,567`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 item`, `2 items`.
#[must_use]
pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// `1536` → `1.5 KiB`, with integer arithmetic: tenths are cut, not rounded up to a size that is not there.
#[must_use]
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if n < 1_024 {
        return format!("{n} B");
    }
    let mut unit = 0;
    let mut scale = 1_024_u64;
    while n / scale >= 1_024 && unit + 1 < UNITS.len() {
        scale *= 1_024;
        unit += 1;
    }
    let whole = n / scale;
    if whole >= 100 {
        format!("{} {}", count(whole), UNITS[unit])
    } else {
        format!("{whole}.{} {}", n % scale * 10 / scale, UNITS[unit])
    }
}

/// A length of time in its two largest units.
#[must_use]
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (d, h, m, s) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    match (d, h, m) {
        (0, 0, 0) if ms < 1_000 => format!("{ms} ms"),
        (0, 0, 0) if s < 10 => format!("{s}.{} s", ms % 1_000 / 100),
        (0, 0, 0) => format!("{s} s"),
        (0, 0, _) => format!("{m} min {s:02} s"),
        (0, _, _) => format!("{h} h {m:02} min"),
        _ => format!("{d} d {h} h"),
    }
}

/// How long ago, coarsely: it is read, not measured with.
#[must_use]
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(at).as_secs();
    match seconds {
        0..5 => "just now".to_owned(),
        5..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        86_400..172_800 => "yesterday".to_owned(),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// How long until, coarsely.
#[must_use]
pub fn within(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.since(now).as_secs();
    match seconds {
        0 => "expired".to_owned(),
        1..60 => format!("in {seconds} s"),
        60..3_600 => format!("in {} min", seconds.div_ceil(60)),
        3_600..172_800 => format!("in {} h", seconds / 3_600),
        _ => format!("in {} days", seconds / 86_400),
    }
}

/// Date and time in a zone that lies `offset_min` minutes east of UTC.
#[must_use]
pub fn date_time(at: Timestamp, offset_min: i32) -> String {
    let c = shifted(at, offset_min);
    format!("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", c.year, c.month, c.day, c.hour, c.minute, c.second)
}

/// Time of day with milliseconds, for log lines.
#[must_use]
pub fn clock(at: Timestamp, offset_min: i32) -> String {
    let c = shifted(at, offset_min);
    format!("{:02}:{:02}:{:02}.{:03}", c.hour, c.minute, c.second, c.milli)
}

fn shifted(at: Timestamp, offset_min: i32) -> messages::time::Civil {
    Timestamp(at.0.saturating_add(i64::from(offset_min) * 60_000)).civil()
}

/// First letters of the first and the last word, for the mark of a person.
#[must_use]
pub fn initials(name: &str) -> String {
    let first = |word: &str| word.chars().next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let mut words = name.split_whitespace();
    let head = words.next().map(first).unwrap_or_default();
    let tail = words.next_back().map(first).unwrap_or_default();
    format!("{head}{tail}")
}

/// The head of an identifier's random part: enough to tell runs of one list apart.
#[must_use]
pub fn short_id(id: &impl std::fmt::Display) -> String {
    let text = id.to_string();
    text.rsplit('-')
        .next()
        .map_or(text.clone(), |tail| tail.chars().rev().take(8).collect::<Vec<_>>().iter().rev().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes() {
        for (n, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(n), text);
        }
        for (n, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_536, "1.5 KiB"),
            (1_048_575, "1,023 KiB"),
            (1_048_576, "1.0 MiB"),
            (u64::MAX, "16,383 PiB"),
        ] {
            assert_eq!(bytes(n), text);
        }
        assert_eq!(
            (counted(1, "item", "items"), counted(2, "item", "items")),
            ("1 item".into(), "2 items".into())
        );
    }

    #[test]
    fn lengths_of_time() {
        for (ms, text) in [
            (12, "12 ms"),
            (1_234, "1.2 s"),
            (59_999, "59 s"),
            (61_000, "1 min 01 s"),
            (3_660_000, "1 h 01 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(ms), text);
        }
    }

    #[test]
    fn points_in_time() {
        let now = Timestamp(1_709_251_199_999);
        for (back, text) in [
            (0, "just now"),
            (7_000, "7 s ago"),
            (120_000, "2 min ago"),
            (7_200_000, "2 h ago"),
            (90_000_000, "yesterday"),
            (260_000_000, "3 days ago"),
        ] {
            assert_eq!(ago(Timestamp(now.0 - back), now), text);
        }
        assert_eq!(ago(Timestamp(now.0 + 60_000), now), "just now");
        assert_eq!(within(Timestamp(now.0 + 59_500), now), "in 59 s");
        assert_eq!(within(Timestamp(now.0 + 61_000), now), "in 2 min");
        assert_eq!(within(now, now), "expired");
        assert_eq!(date_time(now, 420), "2024-03-01 06:59:59");
        assert_eq!(clock(now, 0), "23:59:59.999");
    }

    #[test]
    fn marks_of_people_and_things() {
        for (name, text) in [("Anna Novak", "AN"), ("Đặng Thu Thảo", "ĐT"), ("root", "R"), ("", "")] {
            assert_eq!(initials(name), text);
        }
        assert_eq!(short_id(&"01890a5d-ac96-774b-bcce-b302099a8057"), "099a8057");
    }
}
