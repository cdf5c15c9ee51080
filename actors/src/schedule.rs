//! When jobs run by themselves. Pure: rules and instants in, instants out; the retailer's actor keeps the clock.
//!
//! [`cron`] reads expressions, [`zone`] puts a time of day on a zone's clock, [`plan`] makes slots of both and keeps
//! them out of maintenance windows, [`passed`] says what is to be done about slots whose time has come.
//!
//! Daylight saving: a time of day that the clock leaps over counts once, right after the leap; one that comes twice
//! counts once, the first time. Intervals are real time and know no clock.

pub mod cron;
pub mod passed;
pub mod plan;
pub mod preview;
pub mod zone;

#[cfg(test)]
mod tests;
