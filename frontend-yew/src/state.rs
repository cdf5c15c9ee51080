//! What the console knows and how it decides, without a browser: every module here is pure and
//! tested natively. Nothing below may call web-sys, read a clock or draw a random number.

pub mod backoff;
pub mod chart;
pub mod cluster;
pub mod compare;
pub mod configuration;
pub mod draft;
pub mod form;
pub mod format;
pub mod frame;
pub mod link;
pub mod log;
pub mod mapping;
pub mod merge;
pub mod money;
pub mod pace;
pub mod paging;
pub mod password;
pub mod period;
pub mod query;
pub mod reader;
pub mod sales;
pub mod stores;
pub mod throttle;
pub mod timeline;
pub mod toasts;
pub mod topic;
pub mod words;
