//! Ingestion over a store in memory: rounds, letters, edges, and the actor with its faults.

mod ahead;
mod down;
mod faults;
mod folding;
mod ledger;
mod rounds;
mod samples;
mod show;
