//! Source: an XML document with an element for each item.
//!
//! `walk` goes through the document once, item by item, and takes the values that lie at the wanted paths; `source`
//! opens the files. Entities that a document declares itself are not followed, nor is anything it refers to. Memory
//! stays that of an item, whatever the document holds.

mod source;
mod walk;

pub use source::{Xml, XmlConnector};
pub(in crate::connector) use walk::Guarded;
