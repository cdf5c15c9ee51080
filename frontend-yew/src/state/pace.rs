//! How fast a run goes and how long it still needs. Pure.

use messages::run::Progress;

/// What is derived from a run's progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Items a second, over the whole run.
    pub items_s: u64,
    /// Bytes of the source a second.
    pub bytes_s: u64,
    /// Share of the source that has been read, in tenths of a per cent, where its size is known.
    pub permille: Option<u16>,
    /// Milliseconds still needed, where that can be told.
    pub left_ms: Option<u64>,
}

/// Less than this says nothing about the rest.
const TOO_SOON_MS: u64 = 1_000;

#[must_use]
pub fn pace(progress: &Progress) -> Pace {
    let elapsed = u128::from(progress.elapsed_ms.max(1));
    let per_second = |n: u64| u64::try_from(u128::from(n) * 1_000 / elapsed).unwrap_or(u64::MAX);
    let (read, total) = (progress.bytes_read, progress.bytes_total);
    let permille = (total > 0)
        .then(|| u16::try_from(u128::from(read) * 1_000 / u128::from(total)).unwrap_or(1_000).min(1_000));
    let left_ms = (total > read && read > 0 && progress.elapsed_ms >= TOO_SOON_MS)
        .then(|| u64::try_from(u128::from(total - read) * elapsed / u128::from(read)).ok())
        .flatten();
    Pace { items_s: per_second(progress.read), bytes_s: per_second(read), permille, left_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(read: u64, bytes_read: u64, bytes_total: u64, elapsed_ms: u64) -> Progress {
        Progress { read, bytes_read, bytes_total, elapsed_ms, ..Progress::default() }
    }

    #[test]
    fn a_quarter_done_needs_three_times_as_long_again() {
        let it = pace(&progress(1_000, 25_000, 100_000, 2_000));
        assert_eq!(it, Pace { items_s: 500, bytes_s: 12_500, permille: Some(250), left_ms: Some(6_000) });
    }

    #[test]
    fn what_cannot_be_told_is_not_told() {
        assert_eq!(pace(&progress(10, 10, 0, 5_000)).permille, None);
        assert_eq!(pace(&progress(10, 10, 0, 5_000)).left_ms, None);
        assert_eq!(pace(&progress(0, 0, 100, 5_000)).left_ms, None);
        assert_eq!(pace(&progress(1, 1, 100, 10)).left_ms, None);
        assert_eq!(pace(&Progress::default()).items_s, 0);
    }

    #[test]
    fn a_file_that_grew_stops_at_the_end() {
        let it = pace(&progress(u64::MAX, 300, 100, 3_000));
        assert_eq!((it.permille, it.left_ms), (Some(1_000), None));
    }
}
