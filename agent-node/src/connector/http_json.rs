//! Source: JSON over HTTP, in one answer or page after page.
//!
//! A page is fetched whole to a file without a name (`fetch`), so that a line that breaks costs the page and not the
//! run, and nothing is read twice. From there `scan` finds the list of items, whatever stands around it, and hands
//! over one item at a time; `item` takes its values; `paging` says what is asked next; `judge` what an answer means.
//! Memory stays that of an item, whatever the server sends.

mod fetch;
mod item;
mod judge;
mod paging;
mod scan;
mod source;

pub(super) use item::Paths;
pub use source::HttpJsonConnector;
