//! Which articles of a source count: within a file the first of equal numbers, among several files the newest file's.

use super::seen::{Known, MAX_SEEN, Seen};

/// What becomes of an article.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::connector) enum Verdict {
    Keep,
    /// An earlier row of the same file has it.
    Repeated,
    /// A newer file has it; that is counted, and no fault.
    Superseded,
}

/// See the module. The newest file is judged first.
#[derive(Default)]
pub(in crate::connector) struct Judge {
    /// There is more than one file.
    several: bool,
    /// Numbers of the present file.
    seen: Seen,
    /// Numbers of the files before it.
    newer: Seen,
    superseded: u64,
    full: bool,
}

impl Judge {
    pub(in crate::connector) fn new(several: bool) -> Self {
        let seen = Seen::default();
        let newer = seen.sibling();
        Self { several, seen, newer, superseded: 0, full: false }
    }

    pub(in crate::connector) const fn is_of_several(&self) -> bool {
        self.several
    }

    pub(in crate::connector) fn judge(&mut self, sku: &str, notes: &mut Vec<String>) -> Verdict {
        if self.several && self.newer.contains(sku) {
            self.superseded += 1;
            return Verdict::Superseded;
        }
        match self.seen.note(sku) {
            Known::New => Verdict::Keep,
            Known::Repeated => Verdict::Repeated,
            Known::Unchecked => {
                if !std::mem::replace(&mut self.full, true) {
                    notes.push(format!("repeated articles are looked for among the first {MAX_SEEN} only"));
                }
                Verdict::Keep
            }
        }
    }

    /// The next file is an older one.
    pub(in crate::connector) fn next_file(&mut self) {
        if self.several {
            let done = std::mem::replace(&mut self.seen, self.newer.sibling());
            self.newer.absorb(done);
        }
    }

    /// What is to be said when all was read.
    pub(in crate::connector) fn closing_note(&self) -> Option<String> {
        let superseded = self.superseded;
        (superseded > 0).then(|| {
            format!("{superseded} rows of older files were left out: a newer one has the article, too")
        })
    }
}

/// Why a repeated article is rejected.
pub(in crate::connector) fn repeated(sku: &str) -> String {
    format!("\"{sku}\" stands in an earlier row already; that one is kept")
}
