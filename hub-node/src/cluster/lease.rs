//! When a node renews its lease, and until when it may act on it. Pure: time is passed in, calls are made elsewhere.
//!
//! The server counts the lease from when it carries out a renewal; the node counts from *before* it asked, and gives up
//! a margin beside. So whatever the delay, the node stops before the server lets anybody else begin.

use std::time::Duration;

use super::clock::Moment;

/// The numbers of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTerms {
    /// How long the server keeps others out after a renewal.
    pub ttl: Duration,
    /// Four renewals a lease: three may be lost.
    pub renew_every: Duration,
    /// The clocks of server and node run at rates that differ by far less than this in one lease.
    pub margin: Duration,
    /// After a call that failed.
    pub retry_after: Duration,
    /// A call that takes longer has failed. Well under the lease, so that there is time for another.
    pub call: Duration,
}

impl Default for LeaseTerms {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(6),
            renew_every: Duration::from_millis(1_500),
            margin: Duration::from_millis(500),
            retry_after: Duration::from_millis(250),
            call: Duration::from_secs(2),
        }
    }
}

impl LeaseTerms {
    /// The same proportions for another length; tests want short ones.
    #[must_use]
    pub fn of(ttl: Duration) -> Self {
        Self { ttl, renew_every: ttl / 4, margin: ttl / 12, retry_after: ttl / 24, call: ttl / 3 }
    }
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// There is no lease: take a new one.
    Register,
    Renew,
    /// Nothing before this.
    Wait(Moment),
}

/// What this node knows of its lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    terms: LeaseTerms,
    held: bool,
    /// Nothing may be done on the lease from here on.
    valid_until: Moment,
    act_at: Moment,
}

impl Lease {
    #[must_use]
    pub fn new(terms: LeaseTerms) -> Self {
        Self { terms, held: false, valid_until: Moment::default(), act_at: Moment::default() }
    }

    #[must_use]
    pub fn next(&self, now: Moment) -> Act {
        if now < self.act_at {
            Act::Wait(self.act_at)
        } else if self.held {
            Act::Renew
        } else {
            Act::Register
        }
    }

    /// The server has confirmed a registration or renewal that was asked for at `asked_at`.
    pub fn confirmed(&mut self, asked_at: Moment) {
        let span = self.terms.ttl.saturating_sub(self.terms.margin);
        self.held = true;
        // An answer that was overtaken by a later one takes nothing back.
        self.valid_until = self.valid_until.max(asked_at.plus(span));
        self.act_at = self.act_at.max(asked_at.plus(self.terms.renew_every));
    }

    /// No answer, or none that tells. The lease may be alive: keep asking, and stop acting when time is up.
    pub fn failed(&mut self, now: Moment) {
        self.act_at = now.plus(self.terms.retry_after);
    }

    /// The server says that the lease has run out. It will not live again.
    pub fn lost(&mut self, now: Moment) {
        self.held = false;
        self.valid_until = Moment::default();
        self.act_at = now;
    }

    /// May this node act for its shards?
    #[must_use]
    pub fn holds(&self, now: Moment) -> bool {
        self.held && now < self.valid_until
    }

    #[must_use]
    pub const fn valid_until(&self) -> Moment {
        self.valid_until
    }
}

#[cfg(test)]
mod tests;
