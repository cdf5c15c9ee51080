//! What the clients were told: one entry for each thing they asked for, however often they had to ask.

use std::sync::Mutex;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    /// A store with a code that nobody else uses.
    Make { code: String },
    /// A store of this client's own gets another name.
    Rename { store: String, name: String },
    /// The number in the name of the retailer's common store goes up by one.
    Count,
    /// A run of the job is started.
    Run,
    /// A run is to be cancelled.
    Cancel { run: String },
}

/// What is known of it at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Acknowledged: this thing, at this revision.
    Done { id: String, rev: i64 },
    /// Refused, and certainly nothing was written.
    Refused(String),
    /// Asked for, and nobody could say what became of it.
    Unknown(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) retailer: String,
    pub(super) deed: Deed,
    pub(super) outcome: Outcome,
}

/// All entries, and what was seen to be wrong on the way.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: Mutex<Vec<Entry>>,
    complaints: Mutex<Vec<String>>,
}

impl Ledger {
    pub(super) fn note(&self, retailer: &str, deed: Deed, outcome: Outcome) {
        self.entries.lock().unwrap().push(Entry { retailer: retailer.to_owned(), deed, outcome });
    }

    pub(super) fn complain(&self, complaint: String) {
        self.complaints.lock().unwrap().push(complaint);
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap().clone()
    }

    pub(super) fn complaints(&self) -> Vec<String> {
        self.complaints.lock().unwrap().clone()
    }
}
