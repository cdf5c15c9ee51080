//! Source: a file of separated values, in whatever encoding and dialect the point of sale writes it.
//!
//! `text` decodes, `records` splits into rows and recovers from broken ones, `reading` makes batches of one or several
//! files, `source` opens them. What makes items of rows is shared with other sources, in `table`. Memory stays bounded
//! whatever the files hold.

mod reading;
pub mod records;
mod source;

pub use source::CsvConnector;

#[cfg(test)]
mod tests;
