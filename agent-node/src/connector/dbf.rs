//! Source: a table of dBase, FoxPro, Visual FoxPro or Clipper, as old points of sale keep their articles.
//!
//! `layout` is what the head of the file says and what the bytes of a record mean, `memo` the file of long texts beside
//! it, `source` reads one record after the other. Numbers are digits in the file and stay digits.

mod layout;
mod memo;
mod source;

pub use source::{Dbf, DbfConnector};
