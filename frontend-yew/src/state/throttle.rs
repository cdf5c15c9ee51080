//! When to read again what has changed at the hub: at once, but not more often than a person can see. Pure: times are
//! passed in.

/// Between two readings.
const REST_MS: f64 = 1_000.0;

/// What was read, and whether it is old.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Throttle {
    read_ms: Option<f64>,
    old: bool,
}

impl Throttle {
    /// There is something new at the hub.
    pub fn moved(&mut self) {
        self.old = true;
    }

    /// True when it is to be read now. A page that nobody sees waits until somebody does.
    pub fn read(&mut self, now_ms: f64, seen: bool) -> bool {
        let rested = self.read_ms.is_none_or(|read| now_ms - read >= REST_MS || now_ms < read);
        if !(self.old && seen && rested) {
            return false;
        }
        *self = Self { read_ms: Some(now_ms), old: false };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_change_is_read_at_once_and_the_next_after_a_rest() {
        let mut throttle = Throttle::default();
        assert!(!throttle.read(0.0, true), "nothing has changed");
        throttle.moved();
        assert!(throttle.read(10.0, true));
        throttle.moved();
        throttle.moved();
        assert!(!throttle.read(500.0, true));
        assert!(throttle.read(1_010.0, true), "what came meanwhile");
        assert!(!throttle.read(9_000.0, true));
    }

    #[test]
    fn a_hidden_page_reads_when_it_is_seen_again() {
        let mut throttle = Throttle::default();
        throttle.moved();
        assert!(!throttle.read(0.0, false));
        assert!(!throttle.read(60_000.0, false));
        assert!(throttle.read(60_001.0, true));
        throttle.moved();
        assert!(throttle.read(5.0, true), "a clock that was set back does not stop it");
    }
}
