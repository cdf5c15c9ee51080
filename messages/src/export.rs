//! How much of what was read is sent, the guard against an export that would do harm, and what a run found when it
//! compared its items with what the destination has.
//!
//! The agent compares, for it alone knows both sides; the hub keeps what it found, and who decided about it.

use serde::{Deserialize, Serialize};

use crate::item::Item;
use crate::validate::{Check, Validate};
use crate::{RunId, Timestamp, UserId};

/// An agent that has this among its capabilities keeps what it delivered, compares and holds to the guard.
pub const CAPABILITY: &str = "run:export";

/// How much of what was read is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Every item, every time.
    #[default]
    Full,
    /// Items that are not at the destination as they were read.
    Incremental,
}

/// What is done about articles that the destination has and the source has not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum VanishedRule {
    /// Nothing. A file that is written whole does not have them any more.
    #[default]
    Keep,
    /// They are sent once more, with a stock of zero. A file that is written whole leaves them out all the same.
    ZeroStock,
}

/// Limits above which a run stops before it sends, and asks. Per cent; absent: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct HarmGuard {
    /// Of the articles that the destination has, those that the source has not any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vanished_percent: Option<u32>,
    /// Of the articles that were in stock, those that are not any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zeroed_percent: Option<u32>,
    /// Of the articles on both sides, those that have another price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repriced_percent: Option<u32>,
    /// A price that has changed by no more than so many per cent, up or down, does not count.
    pub repriced_by_percent: u32,
    /// Fewer articles than this never stop a run.
    pub floor: u64,
}

impl HarmGuard {
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.vanished_percent.is_some() || self.zeroed_percent.is_some() || self.repriced_percent.is_some()
    }

    #[must_use]
    pub const fn limit(&self, kind: HarmKind) -> Option<u32> {
        match kind {
            HarmKind::Vanished => self.vanished_percent,
            HarmKind::Zeroed => self.zeroed_percent,
            HarmKind::Repriced => self.repriced_percent,
        }
    }
}

/// A job's rules about what it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ExportRules {
    pub scope: Scope,
    pub vanished: VanishedRule,
    pub guard: HarmGuard,
}

impl ExportRules {
    /// Must an agent know what the destination has to carry them out?
    #[must_use]
    pub fn need_comparison(&self) -> bool {
        self.scope == Scope::Incremental || self.vanished == VanishedRule::ZeroStock || self.guard.is_on()
    }
}

/// How one run is made, beside what its job says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RunMode {
    /// As the job says.
    #[default]
    Usual,
    /// Everything is sent, also where the job sends changes only.
    Full,
    /// Reads and checks everything, sends nothing, and shows what would be sent.
    Dry,
}

impl RunMode {
    pub const ALL: [Self; 3] = [Self::Usual, Self::Full, Self::Dry];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::Full => "full",
            Self::Dry => "dry",
        }
    }

    #[must_use]
    pub const fn is_usual(&self) -> bool {
        matches!(self, Self::Usual)
    }
}

/// What a run is told about sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExportOrder {
    pub rules: ExportRules,
    pub mode: RunMode,
    /// Harm up to this was looked at by somebody, who wants the run all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved: Option<Harm>,
    /// The last run of the job, at whatever agent, that delivered anything. An agent that does not know it is not the
    /// last one who delivered, and sends everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<RunId>,
}

impl ExportOrder {
    /// Can an agent that knows nothing of orders carry it out?
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.mode == RunMode::Usual && !self.rules.need_comparison()
    }
}

/// `POST …/jobs/{job}/runs`; the body may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RunStart {
    pub mode: RunMode,
}

impl Validate for RunStart {
    fn check(&self, _check: &mut Check) {}
}

/// What an export does to articles that the destination has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HarmKind {
    /// They are not in the source any more.
    Vanished,
    /// They were in stock and are not any more.
    Zeroed,
    /// Their price changes by more than the guard lets pass.
    Repriced,
}

impl HarmKind {
    pub const ALL: [Self; 3] = [Self::Vanished, Self::Zeroed, Self::Repriced];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vanished => "vanished",
            Self::Zeroed => "zeroed",
            Self::Repriced => "repriced",
        }
    }
}

/// How many articles are harmed, in each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Harm {
    pub vanished: u64,
    pub zeroed: u64,
    pub repriced: u64,
}

impl Harm {
    #[must_use]
    pub const fn of(&self, kind: HarmKind) -> u64 {
        match kind {
            HarmKind::Vanished => self.vanished,
            HarmKind::Zeroed => self.zeroed,
            HarmKind::Repriced => self.repriced,
        }
    }
}

/// A limit of the guard that a run would have gone beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Alarm {
    pub kind: HarmKind,
    /// Articles harmed.
    pub count: u64,
    /// Articles that could have been.
    pub of: u64,
    pub limit_percent: u32,
}

/// An article that would be harmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Sample {
    pub kind: HarmKind,
    pub sku: String,
    pub name: String,
    /// What the destination has: the price, or what is known of the stock.
    pub before: String,
    pub after: String,
}

/// How an item stands to what the destination has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ItemChange {
    New,
    Changed,
    Unchanged,
}

/// One of the first rows of a dry run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreviewRow {
    /// Where it stands in the source.
    pub row: u64,
    /// The row as the source has it, cut to [`Survey::MAX_SENT`]. Older agents do not tell it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub raw: String,
    /// What was made of it; long texts are cut.
    pub item: Item,
    /// As the destination would get it: a line of its file, or JSON. Cut to [`Survey::MAX_SENT`].
    pub sent: String,
    pub change: ItemChange,
}

/// What a run found when it compared what it read with what the destination has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Survey {
    /// Articles that the destination has had from this job; absent: that is not known, and everything counts as new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<u64>,
    /// Why it is not known, or why everything is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Everything is sent, and not the changes only.
    pub full: bool,
    pub new: u64,
    pub changed: u64,
    pub unchanged: u64,
    pub rejected: u64,
    pub harm: Harm,
    /// Limits that were gone beyond. Without an approval that covers them the run stops here.
    pub alarms: Vec<Alarm>,
    /// Some of the articles that the alarms are about; at most [`Survey::MAX_SAMPLES`] of each kind.
    pub samples: Vec<Sample>,
    /// The first rows, of a dry run only; at most [`Survey::MAX_PREVIEW`].
    pub preview: Vec<PreviewRow>,
}

impl Survey {
    /// Enough to see what is the matter, few enough to be shown with the run each time.
    pub const MAX_SAMPLES: usize = 5;
    pub const MAX_PREVIEW: usize = 10;
    pub const MAX_SENT: usize = 300;
    pub const MAX_NOTE: usize = 300;
    /// Characters of a name or a value: they are shown in a cell of a table.
    pub const MAX_WORDS: usize = 100;

    /// What an agent said, within the limits: more than these no agent of ours says.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let cut = |text: &mut String, most: usize| {
            if let Some((end, _)) = text.char_indices().nth(most) {
                text.truncate(end);
            }
        };
        if let Some(note) = &mut self.note {
            cut(note, Self::MAX_NOTE);
        }
        self.alarms.truncate(HarmKind::ALL.len());
        self.samples.truncate(HarmKind::ALL.len() * Self::MAX_SAMPLES);
        for Sample { sku, name, before, after, .. } in &mut self.samples {
            for text in [sku, name, before, after] {
                cut(text, Self::MAX_WORDS);
            }
        }
        self.preview.truncate(Self::MAX_PREVIEW);
        for PreviewRow { item, sent, raw, .. } in &mut self.preview {
            cut(sent, Self::MAX_SENT);
            cut(raw, Self::MAX_SENT);
            let texts = [&mut item.barcode, &mut item.unit, &mut item.category, &mut item.description];
            for text in [&mut item.sku, &mut item.name].into_iter().chain(texts.into_iter().flatten()) {
                cut(text, Self::MAX_WORDS);
            }
        }
        self
    }
}

/// What somebody decided about a run that the guard had stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Verdict {
    pub at: Timestamp,
    pub user_id: UserId,
    pub user_name: String,
    /// The run that was started because of it; absent: refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by_run: Option<RunId>,
}

impl Validate for ExportRules {
    fn check(&self, check: &mut Check) {
        check.nested("guard", |c| self.guard.check(c));
    }
}

impl Validate for HarmGuard {
    fn check(&self, check: &mut Check) {
        for (field, limit) in [
            ("vanished_percent", self.vanished_percent),
            ("zeroed_percent", self.zeroed_percent),
            ("repriced_percent", self.repriced_percent),
        ] {
            if let Some(limit) = limit {
                check.range(field, &limit, &0, &100);
            }
        }
        // A price may multiply; what is beyond this is a limit that never counts.
        check.range("repriced_by_percent", &self.repriced_by_percent, &0, &10_000);
        check.range("floor", &self.floor, &0, &1_000_000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::ToAgent;

    #[test]
    fn a_job_from_before_there_were_rules_sends_everything_unguarded() {
        let rules: ExportRules = serde_json::from_str("{}").unwrap();
        assert_eq!((rules, rules.need_comparison()), (ExportRules::default(), false));
        assert!(ExportOrder::default().is_plain());
        for order in [
            ExportOrder { mode: RunMode::Full, ..ExportOrder::default() },
            ExportOrder { mode: RunMode::Dry, ..ExportOrder::default() },
            ExportOrder {
                rules: ExportRules { scope: Scope::Incremental, ..ExportRules::default() },
                ..ExportOrder::default()
            },
        ] {
            assert!(!order.is_plain(), "{order:?}");
        }
    }

    #[test]
    fn what_was_said_before_there_were_orders_is_still_read() {
        let command = r#"{"t":"run","command_id":"01932f6e-2b1c-7a40-8f3a-5d0c9e7b1a0b","epoch":3,
            "run_id":"01932f6e-2b1c-7a40-8f3a-5d0c9e7b1a06","job_id":"01932f6e-2b1c-7a40-8f3a-5d0c9e7b1a05",
            "job_name":"Items","source":{"kind":"csv","path":"/pos/items.csv"},
            "destination":{"kind":"local_file","path":"/srv/items.csv"},"reject_rule":{"rule":"continue"},"timeout_s":600}"#;
        let ToAgent::Run(command) = serde_json::from_str(command).unwrap() else { panic!("not a run") };
        assert_eq!(command.export, None);
        let text = serde_json::to_string(&ToAgent::Run(command)).unwrap();
        assert!(!text.contains("export"), "and said the same way: {text}");
        let start: RunStart = serde_json::from_str("{}").unwrap();
        assert_eq!(start.mode, RunMode::Usual);
    }

    #[test]
    fn what_an_order_says_survives_the_wire() {
        let order = ExportOrder {
            rules: ExportRules {
                scope: Scope::Incremental,
                vanished: VanishedRule::ZeroStock,
                guard: HarmGuard { vanished_percent: Some(0), floor: 20, ..HarmGuard::default() },
            },
            mode: RunMode::Full,
            approved: Some(Harm { vanished: 7, ..Harm::default() }),
            after: Some("01932f6e-2b1c-7a40-8f3a-5d0c9e7b1a06".parse().unwrap()),
        };
        let text = serde_json::to_string(&order).unwrap();
        assert_eq!(serde_json::from_str::<ExportOrder>(&text).unwrap(), order, "{text}");
    }

    #[test]
    fn limits_are_shares() {
        let fields = |guard: HarmGuard| {
            let rules = ExportRules { guard, ..ExportRules::default() };
            rules.validate().err().map_or(Vec::new(), |problem| {
                problem.errors.into_iter().map(|error| error.field).collect::<Vec<_>>()
            })
        };
        assert_eq!(fields(HarmGuard { vanished_percent: Some(100), ..HarmGuard::default() }), [""; 0]);
        let wrong =
            HarmGuard { zeroed_percent: Some(101), repriced_by_percent: 10_001, ..HarmGuard::default() };
        assert_eq!(fields(wrong), ["guard.zeroed_percent", "guard.repriced_by_percent"]);
    }

    #[test]
    fn a_survey_of_whatever_length_is_cut() {
        let sample = Sample {
            kind: HarmKind::Vanished,
            sku: "ü".repeat(1_000),
            name: String::new(),
            before: String::new(),
            after: String::new(),
        };
        let survey =
            Survey { note: Some("x".repeat(5_000)), samples: vec![sample; 100], ..Survey::default() }
                .bounded();
        assert_eq!(survey.note.unwrap().len(), Survey::MAX_NOTE);
        assert_eq!(survey.samples.len(), 15);
        assert_eq!(survey.samples[0].sku.chars().count(), Survey::MAX_WORDS);
    }
}
