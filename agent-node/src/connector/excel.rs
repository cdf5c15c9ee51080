//! Source: a sheet of an Excel workbook (`.xlsx`, `.xlsm`).
//!
//! A workbook is a zip file of XML. `parts` finds and unpacks its parts, `book` what the sheets are called and how
//! numbers are shown, `strings` keeps the texts of all cells on the disk, `cells` goes through a sheet row by row (pure),
//! `source` puts it together. Numbers are taken as the text that the file has and rounded to the fifteen digits that
//! Excel shows, never made a float. Memory stays that of a row, whatever the workbook holds.

mod book;
mod cells;
mod parts;
mod source;
mod strings;

pub use source::{Excel, ExcelConnector};
