//! Source: a file of separated values, in whatever encoding and dialect the point of sale writes it.
//!
//! `text` decodes, `records` splits into rows and recovers from broken ones, `header` finds the columns, `rows`
//! makes items, `seen` finds repeated numbers, `reading` makes batches of one or several files, `source` drives it all
//! on a thread of its own. Memory stays bounded whatever the files hold.

pub mod header;
mod reading;
pub mod records;
pub mod rows;
mod seen;
mod source;
pub mod text;

pub use source::CsvConnector;

#[cfg(test)]
mod tests;
