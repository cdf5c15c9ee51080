//! What a job sends, and when it stops to ask: the part of its form as its document. Pure.

use messages::FieldError;
use messages::export::{ExportRules, HarmGuard, Scope, VanishedRule};

use super::super::form::FormValues;

/// A share that was left blank is no limit.
pub fn export(form: &FormValues, early: &mut Vec<FieldError>) -> ExportRules {
    let mut number = |name: &str| {
        let blank = form.text(name).is_empty();
        (!blank).then(|| form.number::<u32>(name).map_err(|error| early.push(error)).ok()).flatten()
    };
    let guard = HarmGuard {
        vanished_percent: number("export.guard.vanished_percent"),
        zeroed_percent: number("export.guard.zeroed_percent"),
        repriced_percent: number("export.guard.repriced_percent"),
        repriced_by_percent: number("export.guard.repriced_by_percent").unwrap_or_default(),
        floor: number("export.guard.floor").unwrap_or_default().into(),
    };
    let scope = if form.text("export.scope") == "incremental" { Scope::Incremental } else { Scope::Full };
    let vanished = if form.text("export.vanished") == "zero_stock" {
        VanishedRule::ZeroStock
    } else {
        VanishedRule::Keep
    };
    ExportRules { scope, vanished, guard }
}

/// What a new job begins with: a guard that lets an ordinary day pass.
#[must_use]
pub const fn usual() -> ExportRules {
    let guard = HarmGuard {
        vanished_percent: Some(30),
        zeroed_percent: Some(50),
        repriced_percent: Some(50),
        repriced_by_percent: 20,
        floor: 20,
    };
    ExportRules { scope: Scope::Full, vanished: VanishedRule::Keep, guard }
}
