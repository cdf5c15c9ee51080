//! Lists for people: searched, sorted, paged, counted. Any node may read; nothing here changes anything.
//!
//! Lists of one retailer are methods of [`TenantDb`], lists over retailers methods of [`ScopedDb`]: neither can be
//! asked beyond its retailer or scope. Pages are found by the place of the last row, not by a number of rows to skip, so
//! they stay right while rows come and go.
//!
//! [`TenantDb`]: super::TenantDb
//! [`ScopedDb`]: super::ScopedDb

pub(super) mod cursor;
mod logs;
mod rejects;
mod retailers;
mod runs;
mod sealed;
pub(super) mod search;
mod today;

pub use runs::RunFilter;
