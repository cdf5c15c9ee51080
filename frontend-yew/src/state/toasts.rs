//! Short notices in the corner. Pure: what is shown and for how long.

/// As many as fit beside each other without covering the page.
const MAX_SHOWN: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Bad,
    Plain,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    pub id: u32,
    pub tone: Tone,
    pub title: String,
    pub detail: String,
}

impl Toast {
    /// Failures stay longer: they are read, not noticed.
    #[must_use]
    pub fn stays_ms(&self) -> u32 {
        if self.tone == Tone::Bad { 12_000 } else { 5_000 }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Toasts {
    next: u32,
    pub shown: Vec<Toast>,
}

impl Toasts {
    /// Adds a notice and tells its number. The oldest makes room.
    pub fn add(&mut self, tone: Tone, title: impl Into<String>, detail: impl Into<String>) -> u32 {
        self.next += 1;
        self.shown.push(Toast { id: self.next, tone, title: title.into(), detail: detail.into() });
        if self.shown.len() > MAX_SHOWN {
            self.shown.remove(0);
        }
        self.next
    }

    pub fn remove(&mut self, id: u32) {
        self.shown.retain(|toast| toast.id != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_stay_longer() {
        let mut toasts = Toasts::default();
        for tone in [Tone::Good, Tone::Plain, Tone::Bad] {
            toasts.add(tone, "x", "");
        }
        let stays: Vec<_> = toasts.shown.iter().map(Toast::stays_ms).collect();
        assert_eq!(stays, [5_000, 5_000, 12_000]);
    }

    #[test]
    fn the_oldest_makes_room_and_a_gone_one_does_not_matter() {
        let mut toasts = Toasts::default();
        let ids: Vec<_> = (0..6).map(|n| toasts.add(Tone::Plain, n.to_string(), "")).collect();
        assert_eq!(toasts.shown.len(), MAX_SHOWN);
        assert_eq!(toasts.shown[0].title, "2");
        toasts.remove(ids[0]);
        toasts.remove(ids[3]);
        assert_eq!(toasts.shown.len(), MAX_SHOWN - 1);
    }
}
