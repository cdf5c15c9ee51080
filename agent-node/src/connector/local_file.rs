//! Destination: a file on the agent's machine, replaced in one step when complete.

mod sink;

pub use sink::LocalFileConnector;

#[cfg(test)]
mod tests;
