//! What a program says on its standard error: which of it a technician should see, without the secrets it was given.
//! Pure: lines in, words out.

use std::collections::VecDeque;

/// Of what was said last, for the case that it fails.
const LAST: usize = 15;
/// Of all last lines together, as they are told.
const LAST_CHARS: usize = 1_500;
const LINE_CHARS: usize = 500;
/// Warnings and errors that are told while it works; a program in a loop says millions.
const MOST_NOTES: usize = 50;
/// Shorter secrets would blacken every other word.
const LEAST_SECRET: usize = 4;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ear {
    secrets: Vec<String>,
    last: VecDeque<String>,
    notes: Vec<String>,
    noted: usize,
}

impl Ear {
    pub(super) fn new(mut secrets: Vec<String>) -> Self {
        secrets.retain(|secret| secret.chars().count() >= LEAST_SECRET);
        // One may be part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets, ..Self::default() }
    }

    /// Text of the program's as it may be shown.
    pub(super) fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "***");
            }
        }
        text.chars().filter(|c| !c.is_control() || *c == '\t').take(LINE_CHARS).collect()
    }

    /// Hears a line, and gives it back as it may be shown.
    pub(super) fn hear(&mut self, line: &[u8]) -> String {
        let line = self.clean(String::from_utf8_lossy(line).trim_end());
        if line.trim().is_empty() {
            return line;
        }
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(line.clone());
        if matters(&line) {
            self.noted += 1;
            match self.noted.cmp(&MOST_NOTES) {
                std::cmp::Ordering::Less => self.notes.push(line.clone()),
                std::cmp::Ordering::Equal => self.notes.push("it says more, which is left out".to_owned()),
                std::cmp::Ordering::Greater => {}
            }
        }
        line
    }

    /// What is to be told since it was asked last.
    pub(super) fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Its last words, as many as a sentence bears.
    pub(super) fn last_words(&self) -> Option<String> {
        let mut told = VecDeque::new();
        let mut room = LAST_CHARS;
        for line in self.last.iter().rev() {
            let length = line.chars().count();
            if length > room && !told.is_empty() {
                break;
            }
            room = room.saturating_sub(length);
            told.push_front(line.trim());
        }
        (!told.is_empty()).then(|| Vec::from(told).join(" | "))
    }
}

/// Programs write their levels in capitals; what they only inform of stays in the agent's own log.
fn matters(line: &str) -> bool {
    ["ERROR", "CRITICAL", "FATAL", "WARN"].iter().any(|level| line.contains(level))
        || line.starts_with("Traceback")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_repeated() {
        let mut ear = Ear::new(vec!["pass".into(), "pass-word".into(), "abc".into()]);
        assert_eq!(
            ear.hear(b"ERROR login with pass-word and pass refused abc\n"),
            "ERROR login with *** and *** refused abc"
        );
        assert_eq!(ear.notes(), ["ERROR login with *** and *** refused abc"]);
        assert_eq!(ear.last_words().unwrap(), "ERROR login with *** and *** refused abc");
    }

    #[test]
    fn what_is_told_is_bounded() {
        let mut ear = Ear::new(Vec::new());
        for n in 0..1_000 {
            ear.hear(format!("INFO step {n}").as_bytes());
            ear.hear(format!("WARNING {n} {}", "x".repeat(2_000)).as_bytes());
        }
        let notes = ear.notes();
        assert_eq!((notes.len(), notes[0].chars().count()), (MOST_NOTES, LINE_CHARS));
        assert_eq!(notes[MOST_NOTES - 1], "it says more, which is left out");
        assert!(ear.notes().is_empty());
        let last = ear.last_words().unwrap();
        assert!(last.chars().count() < 1_600 && last.contains("WARNING 999"), "{last}");
        assert_eq!(Ear::default().last_words(), None);
    }
}
