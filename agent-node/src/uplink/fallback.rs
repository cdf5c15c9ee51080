//! Which way to the hub: WebSocket, or HTTPS where something in between blocks WebSockets. Pure: time and dice are
//! passed in.
//!
//! What counts is whether the hub itself has answered. Its own refusal (a problem document) is obeyed and no reason to
//! go another way; when nobody answers at all, another way leads nowhere either. Between the two stands whoever answers
//! in the hub's place, or cuts or swallows what is said after the upgrade.

use std::time::{Duration, Instant};

use http::StatusCode;
use messages::{ErrorCode, Problem};

/// What the operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Setting {
    #[default]
    Auto,
    WebSocket,
    Https,
}

impl Setting {
    /// Reads `auto`, `websocket` or `https`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "auto" => Some(Self::Auto),
            "websocket" => Some(Self::WebSocket),
            "https" => Some(Self::Https),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    WebSocket,
    Https,
}

/// How an attempt at a WebSocket failed before the hub's first frame.
#[derive(Debug, Clone, Copy)]
pub enum Evidence<'a> {
    /// No name, no connection, no way through the proxy, no TLS.
    Unreachable,
    /// The hub's own words.
    Refused(&'a Problem),
    /// An answer that is neither the hub's nor an upgrade.
    Answered(StatusCode),
    /// The connection broke during the upgrade, or after it.
    Broke,
    /// No answer to the upgrade, or no frame after it.
    Silent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// WebSockets are not to blame.
    NotBlocked,
    /// Once may be chance, such as a hub that is just being restarted.
    Perhaps,
    Blocked,
}

#[must_use]
pub fn judge(evidence: Evidence<'_>) -> Verdict {
    match evidence {
        Evidence::Unreachable => Verdict::NotBlocked,
        // The request came to the hub without its upgrade: something in between took that out.
        Evidence::Refused(problem) if problem.code == ErrorCode::UnsupportedProtocol => Verdict::Blocked,
        Evidence::Refused(_) => Verdict::NotBlocked,
        Evidence::Answered(_) | Evidence::Silent => Verdict::Blocked,
        Evidence::Broke => Verdict::Perhaps,
    }
}

/// Attempts that broke, in a row, until WebSockets are held to be blocked.
const CHANCES: u32 = 2;
/// Failed attempts over HTTPS, in a row, until the block is forgotten: the network may be another one by now.
const FORGET_AFTER: u32 = 3;
/// A reason is shown to people and told to the hub.
const MOST_REASON: usize = 250;

#[derive(Debug)]
struct Block {
    reason: String,
    /// WebSocket is tried again then.
    again_at: Instant,
    /// HTTPS has reached the hub where WebSocket had not.
    proven: bool,
    failures: u32,
}

/// The way to one hub.
#[derive(Debug)]
pub struct Chooser {
    setting: Setting,
    again_after: Duration,
    block: Option<Block>,
    broken: u32,
}

impl Chooser {
    #[must_use]
    pub const fn new(setting: Setting, again_after: Duration) -> Self {
        Self { setting, again_after, block: None, broken: 0 }
    }

    #[must_use]
    pub fn way(&self, now: Instant) -> Way {
        match (self.setting, &self.block) {
            (Setting::Https, _) => Way::Https,
            (Setting::Auto, Some(block)) if !block.proven || now < block.again_at => Way::Https,
            _ => Way::WebSocket,
        }
    }

    /// An attempt at a WebSocket has failed; true when HTTPS is to be tried at once. `dice` is drawn from 0 to 1.
    pub fn failed(&mut self, evidence: Evidence<'_>, reason: &str, now: Instant, dice: f64) -> bool {
        let verdict = judge(evidence);
        self.broken = if verdict == Verdict::Perhaps { self.broken.saturating_add(1) } else { 0 };
        let blocked = verdict == Verdict::Blocked || self.broken >= CHANCES;
        if !blocked || self.setting != Setting::Auto {
            return false;
        }
        let again_at = now + self.spread(dice);
        let proven = self.block.as_ref().is_some_and(|block| block.proven);
        let reason = reason.chars().take(MOST_REASON).collect();
        self.block = Some(Block { reason, again_at, proven, failures: 0 });
        true
    }

    /// The hub has sent a frame over a WebSocket.
    pub fn websocket_works(&mut self) {
        self.block = None;
        self.broken = 0;
    }

    /// The hub has answered over HTTPS; true when that is news.
    pub fn https_works(&mut self) -> bool {
        let Some(block) = &mut self.block else { return false };
        block.failures = 0;
        !std::mem::replace(&mut block.proven, true)
    }

    /// The hub was not reached over HTTPS either.
    pub fn https_failed(&mut self) {
        if let Some(block) = &mut self.block {
            block.failures += 1;
            if !block.proven || block.failures >= FORGET_AFTER {
                self.block = None;
            }
        }
    }

    /// When to try a WebSocket while a session over HTTPS goes on.
    #[must_use]
    pub fn again_at(&self) -> Option<Instant> {
        self.block.as_ref().filter(|_| self.setting == Setting::Auto).map(|block| block.again_at)
    }

    /// The trial has failed, whatever the reason.
    pub fn still_blocked(&mut self, now: Instant, dice: f64) {
        let again_at = now + self.spread(dice);
        if let Some(block) = &mut self.block {
            block.again_at = again_at;
        }
    }

    /// Why it is not a WebSocket.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        match (self.setting, &self.block) {
            (Setting::Https, _) => Some("it is set so: transport = https".to_owned()),
            (_, block) => block.as_ref().map(|block| block.reason.clone()),
        }
    }

    /// Four fifths to six fifths of the wait, so that the agents of a shop chain do not all come at once.
    fn spread(&self, dice: f64) -> Duration {
        self.again_after.mul_f64(dice.clamp(0.0, 1.0).mul_add(0.4, 0.8))
    }
}

#[cfg(test)]
mod tests;
