//! HTTP as shop platforms and sources speak it: one kept connection, bounded answers, deadlines; what an answer means
//! is pure.

pub mod client;
pub mod judge;

pub use client::{Begun, Client, Reply};
