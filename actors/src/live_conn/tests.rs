//! The console connection against a scripted hub.
