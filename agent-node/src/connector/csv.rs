//! Source: a file of separated values, in whatever encoding and dialect the point of sale writes it.
//!
//! `text` decodes, `records` splits into rows and recovers from broken ones, `header` finds the columns, `rows`
//! makes items, `seen` finds repeated numbers, `source` drives them on a thread of their own. Memory stays
//! bounded whatever the file holds.

pub mod header;
pub mod records;
pub mod rows;
mod seen;
mod source;
pub mod text;

pub use source::CsvConnector;

#[cfg(test)]
mod tests;
