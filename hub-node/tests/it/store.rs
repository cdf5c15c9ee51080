//! The store and the ownership protocol.

mod fence;
mod isolation;
mod ownership;
mod process;
mod reads;
mod round_trip;
mod zz;
