//! The connection against a scripted retailer.
