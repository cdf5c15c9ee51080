//! Ingestion over a store in memory: rounds, letters, edges, and the actor with its faults.

mod faults;
mod ledger;
mod rounds;
mod samples;
mod show;
