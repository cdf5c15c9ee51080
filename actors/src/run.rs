//! Runs: the pure state machine, and the actor that watches one run.

pub mod actor;
pub mod machine;
pub mod watchers;
