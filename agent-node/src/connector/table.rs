//! What all sources of rows have in common: named columns, rows of text, items made of them, repeated numbers found.
//!
//! A source brings rows (`row`) under a header (`header`); `rows` makes an item of one or says why not; `judge` knows
//! which numbers were there before; `tally` puts it together into batches. `number` writes numbers as people do.

pub mod header;
pub mod judge;
pub mod number;
pub mod row;
pub mod rows;
pub mod seen;
pub mod tally;

pub use header::Header;
pub use row::Row;
pub use tally::Tally;
