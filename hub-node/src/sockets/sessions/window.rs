//! Numbers of the frames of a session over HTTPS, both ways. Pure.
//!
//! Down: a frame that was handed out is kept until the next poll acknowledges it, so that an answer that is lost on its
//! way costs a repetition and no frame. Up: what has arrived before is skipped, so that a post may be repeated.

use std::collections::VecDeque;

use messages::agent::Batch;
use messages::{ErrorCode, Problem};

/// Frames handed out and not acknowledged.
#[derive(Debug)]
pub(super) struct Window {
    /// Number of the first one that is kept, or of the next one.
    first: u64,
    kept: VecDeque<Box<str>>,
    bytes: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self { first: 1, kept: VecDeque::new(), bytes: 0 }
    }
}

impl Window {
    /// Forgets the frames up to and including `after`.
    pub(super) fn acknowledge(&mut self, after: u64) -> Result<(), Problem> {
        let told = self.first - 1;
        let last = told + self.kept.len() as u64;
        if !(told..=last).contains(&after) {
            let detail =
                format!("after must lie between {told} and {last}, the frames that were handed out last");
            return Err(Problem::new(ErrorCode::UnexpectedFrame, detail));
        }
        while self.first <= after {
            self.first += 1;
            self.bytes -= self.kept.pop_front().map_or(0, |frame| frame.len());
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Would another frame of a usual size fit into the answer?
    pub(super) fn has_room(&self) -> bool {
        self.kept.len() < Batch::<()>::MOST && self.bytes < Batch::<()>::MOST_BYTES / 2
    }

    pub(super) fn keep(&mut self, frame: String) {
        self.bytes += frame.len();
        self.kept.push_back(frame.into());
    }

    /// The answer to a poll, as JSON.
    pub(super) fn answer(&self) -> String {
        let frames = self.kept.iter().map(|frame| &**frame).collect::<Vec<_>>().join(",");
        format!("{{\"first\":{},\"frames\":[{frames}]}}", self.first)
    }
}

/// How many of `count` frames that begin with the number `first` have arrived before, when `next` is expected.
pub(super) fn arrived_before(next: u64, first: u64, count: usize) -> Result<usize, Problem> {
    if first == 0 || first > next {
        let detail = format!("the frames begin with number {first}, but {next} is expected next");
        return Err(Problem::new(ErrorCode::UnexpectedFrame, detail));
    }
    Ok(usize::try_from(next - first).unwrap_or(usize::MAX).min(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(frames: &[&str]) -> Window {
        let mut window = Window::default();
        for frame in frames {
            window.keep((*frame).to_owned());
        }
        window
    }

    #[test]
    fn a_frame_comes_again_until_it_is_acknowledged() {
        let mut window = window(&["1", "2"]);
        for _ in 0..2 {
            window.acknowledge(0).unwrap();
            assert_eq!(window.answer(), r#"{"first":1,"frames":[1,2]}"#);
        }
        window.keep("3".into());
        window.acknowledge(2).unwrap();
        assert_eq!(window.answer(), r#"{"first":3,"frames":[3]}"#);
        window.acknowledge(3).unwrap();
        assert_eq!(window.answer(), r#"{"first":4,"frames":[]}"#);
        assert!(window.is_empty() && window.bytes == 0);
    }

    #[test]
    fn what_was_not_handed_out_or_is_forgotten_cannot_be_acknowledged() {
        let mut window = window(&["1", "2", "3"]);
        window.acknowledge(2).unwrap();
        for (after, fits) in [(0, false), (1, false), (2, true), (3, true), (4, false), (u64::MAX, false)] {
            let mut copy = Window { first: window.first, kept: window.kept.clone(), bytes: window.bytes };
            assert_eq!(copy.acknowledge(after).is_ok(), fits, "{after}");
        }
    }

    #[test]
    fn an_answer_is_bounded_and_takes_at_least_one_frame() {
        let mut window = Window::default();
        assert!(window.has_room());
        window.keep("x".repeat(Batch::<()>::MOST_BYTES));
        assert!(!window.has_room());
        let mut window = Window::default();
        while window.has_room() {
            window.keep("1".into());
        }
        assert_eq!(window.kept.len(), Batch::<()>::MOST);
    }

    #[test]
    fn repeated_posts_are_skipped_and_gaps_refused() {
        for (next, first, count, skipped) in [
            (1, 1, 3, Some(0)),
            (4, 1, 3, Some(3)),
            (3, 1, 3, Some(2)),
            (9, 1, 3, Some(3)),
            (1, 1, 0, Some(0)),
            (1, 2, 1, None),
            (1, 0, 1, None),
        ] {
            assert_eq!(arrived_before(next, first, count).ok(), skipped, "{next} {first} {count}");
        }
    }
}
