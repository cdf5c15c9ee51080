//! What store edges tell and what they are told: their places and credentials, their events and what becomes of those,
//! and the articles, prices and stock that come down to them.
//!
//! ```text
//! request       what can be asked: places of edges, batches of events, dead letters
//! model         what is kept, and the changes of one commit
//! plan          pure: numbers of a stream → what is new, known, missing, lost
//! event, apply  pure: one event → checked, and its effects on sales, payments, stock, sums
//! local         pure: an instant → the store's day and hour
//! edges, letters   pure: places and their credentials; deciding on what was set aside
//! catalogue     pure: articles → what is different, and its number in what comes down
//! follow, orders   pure: where a device stands in that; corrections of stock, each for one device
//! round         one round: look, decide on all that waits, commit
//! ahead         the next round, decided on while one is written
//! overlay       pure: what is known, as if the round that is being written were written
//! work, down    pure: what each request of it comes to
//! pending       pure: what is settled and not in the sums yet, and when it has to be
//! folding       writes that into the sums
//! pulse, show   who is heard of, and what consoles are told of the ledger
//! actor, host   `Ingest`, one actor for each retailer, found and started like the retailer's own
//! ```
//!
//! `Ingest` is the one writer of these documents, fenced by a fence of their own beside the retailer's: sales flow all
//! day, and neither they nor a change of a job should make the other start again.

pub mod actor;
mod ahead;
mod apply;
mod catalogue;
mod down;
mod edges;
mod event;
mod folding;
mod follow;
pub mod host;
mod letters;
pub mod local;
pub mod model;
mod orders;
mod overlay;
pub mod pending;
mod plan;
mod pulse;
pub mod request;
mod round;
mod show;
mod work;

#[cfg(test)]
mod tests;
