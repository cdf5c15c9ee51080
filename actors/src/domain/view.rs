//! Domain to view: what people and consoles are shown. Pure: no I/O, no clock.

use messages::RetailerId;
use messages::export::RunMode;
use messages::http::agents::{AgentView, Enrolment};
use messages::http::destinations::DestinationView;
use messages::http::jobs::JobView;
use messages::http::retailers::{RetailerView, RunBrief};
use messages::http::runs::{Moved, RunView};
use messages::http::stores::StoreView;
use messages::run::{Presence, RunState};
use messages::schedule::ScheduleView;
use messages::time::Timestamp;

use super::{Agent, Cadence, Destination, Job, Retailer, Run, Store};

impl Retailer {
    #[must_use]
    pub fn view(&self) -> RetailerView {
        RetailerView {
            id: self.id,
            rev: self.stamp.rev,
            spec: self.spec.clone(),
            created_at: self.stamp.created_at,
            updated_at: self.stamp.updated_at,
        }
    }
}

impl Store {
    #[must_use]
    pub fn view(&self, retailer_id: RetailerId) -> StoreView {
        StoreView {
            id: self.id,
            retailer_id,
            rev: self.stamp.rev,
            spec: self.spec.clone(),
            created_at: self.stamp.created_at,
            updated_at: self.stamp.updated_at,
        }
    }
}

impl Agent {
    /// `presence` and `last_seen_at` are known to the live actor and not to the store.
    #[must_use]
    pub fn view(
        &self,
        retailer_id: RetailerId,
        presence: Presence,
        last_seen_at: Option<Timestamp>,
    ) -> AgentView {
        AgentView {
            id: self.id,
            retailer_id,
            rev: self.stamp.rev,
            spec: self.spec.clone(),
            enrolment: self.enrolment(),
            token_expires_at: self.access.token.map(|token| token.expires_at),
            enrolled_at: self.enrolled_at,
            presence,
            last_seen_at,
            machine: self.machine.clone(),
            created_at: self.stamp.created_at,
            updated_at: self.stamp.updated_at,
        }
    }

    #[must_use]
    pub const fn enrolment(&self) -> Enrolment {
        if self.access.credential.is_some() {
            Enrolment::Enrolled
        } else if self.access.token.is_some() {
            Enrolment::Pending
        } else if self.access.revoked {
            Enrolment::Revoked
        } else {
            Enrolment::NotEnrolled
        }
    }
}

impl Destination {
    #[must_use]
    pub fn view(&self, retailer_id: RetailerId) -> DestinationView {
        DestinationView {
            id: self.id,
            retailer_id,
            rev: self.stamp.rev,
            name: self.name.clone(),
            config: self.config.clone(),
            enabled: self.enabled,
            has_credentials: self.credentials.is_some(),
            created_at: self.stamp.created_at,
            updated_at: self.stamp.updated_at,
        }
    }
}

impl Job {
    #[must_use]
    pub fn view(&self, retailer_id: RetailerId) -> JobView {
        JobView {
            id: self.id,
            retailer_id,
            rev: self.stamp.rev,
            spec: self.spec.clone(),
            has_source_credentials: self.source_credentials.is_some(),
            last_run: self.last_run.clone(),
            standing: Box::new(self.standing()),
            created_at: self.stamp.created_at,
            updated_at: self.stamp.updated_at,
        }
    }
}

impl Job {
    fn standing(&self) -> ScheduleView {
        let Cadence { next_at, missed_slots, failures_in_row, ref paused, .. } = self.cadence;
        let limit = self.spec.timing.pause_after;
        let warning = limit > 0 && failures_in_row >= limit.div_ceil(2);
        ScheduleView { next_at, missed_slots, failures_in_row, warning, paused: paused.clone() }
    }
}

impl Run {
    #[must_use]
    pub fn view(&self, retailer_id: RetailerId) -> RunView {
        RunView {
            id: self.id,
            retailer_id,
            rev: self.stamp.rev,
            job_id: self.job_id,
            job_name: self.job_name.clone(),
            agent_id: self.agent_id,
            state: self.state,
            trigger: self.trigger,
            progress: self.progress,
            attempt: self.attempt,
            cancelling: self.cancel_id.is_some() && !self.state.is_over(),
            failure: self.failure.clone(),
            transitions: self.transitions.clone(),
            timeout_s: self.plan.timeout_s,
            slot: self.wait.slot,
            retry_of: self.wait.retry_of,
            try_no: self.wait.try_no,
            not_before: self.wait.not_before.filter(|_| self.state == RunState::Queued),
            expires_at: self.wait.expires_at.filter(|_| self.state == RunState::Queued),
            moved: self.moved(),
            mode: self.plan.export.mode,
            survey: self.survey.clone(),
            verdict: self.verdict.clone().map(Box::new),
            approves: self.approves,
            created_at: self.stamp.created_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
        }
    }

    /// Does it only show what it would do?
    #[must_use]
    pub fn is_dry(&self) -> bool {
        self.plan.export.mode == RunMode::Dry
    }

    /// A run that moved part of its items is another matter than one that moved none.
    #[must_use]
    pub fn moved(&self) -> Option<Moved> {
        let whole = self.state == RunState::Succeeded && self.progress.rejected == 0 && !self.is_dry();
        self.state.is_over().then_some(match self.progress.sent {
            _ if whole => Moved::All,
            0 => Moved::Nothing,
            _ => Moved::Part,
        })
    }

    /// The least that tells how it went.
    #[must_use]
    pub fn brief(&self) -> RunBrief {
        RunBrief {
            id: self.id,
            state: self.state,
            at: self.transitions.last().map_or(self.stamp.created_at, |last| last.at),
            sent: self.progress.sent,
            rejected: self.progress.rejected,
        }
    }
}
