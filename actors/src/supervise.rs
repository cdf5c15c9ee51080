//! Supervision: children are one list of specs, and that list drives start, restart, health, stop and drain.
//!
//! One-for-one with growing waits and an intensity per child. Starting a child never blocks its supervisor; stopping
//! a supervisor waits for its children, last started first. This is the only module that handles child events.

pub mod policy;
pub mod spec;
pub mod supervisor;

pub use policy::{Restart, RestartPolicy};
pub use spec::{ChildSpec, GiveUp, NotWanted, OnEnd};
pub use supervisor::{Supervisor, SupervisorArgs, SupervisorHandle};

#[cfg(test)]
mod tests;
