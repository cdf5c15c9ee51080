//! A look at a source or a destination that the hub asks for: beside the runs, kept nowhere, and never longer than its
//! time. Limits: [`MOST`] at once.

use std::sync::Arc;
use std::time::Duration;

use messages::ErrorCode;
use messages::agent::{FromAgent, InspectCommand};
use messages::inspect::{Finding, PATIENCE_S, Subject};
use messages::mapping::Mapping;
use messages::run::LogLine;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::reporter::cut;
use crate::connector::{Failure, Looked, Means, registry};
use crate::links::Links;
use crate::uplink::UplinkMsg;

/// The hub asks for two at a time; one that is given up there may still be at work here.
pub(super) const MOST: usize = 3;

pub(super) fn begin(look: InspectCommand, room: &Arc<Semaphore>, means: &Arc<Means>, links: &Arc<Links>) {
    let (room, means, links) = (room.clone().try_acquire_owned(), means.clone(), links.clone());
    tokio::spawn(async move {
        let InspectCommand { command_id, subject, credentials } = look;
        let found = match room {
            Ok(_permit) => {
                let mut means = (*means).clone();
                // Somebody waits for it, and sees at once what does not work.
                means.pace.tries = 1;
                let looking = found(&subject, credentials.as_ref(), &means);
                timeout(Duration::from_secs(PATIENCE_S), looking).await.unwrap_or_else(|_| {
                    let detail = format!("there was no answer within {PATIENCE_S} seconds");
                    Err(Failure::new(ErrorCode::DeadlineExceeded, detail))
                })
            }
            Err(_) => Err(Failure::new(ErrorCode::Busy, "the agent is looking at other things already")),
        };
        let finding = Box::new(found.unwrap_or_else(|Failure { code, detail }| {
            let detail = cut(detail, LogLine::MAX_TEXT);
            Finding::Failed { code, detail }
        }));
        // Without an uplink nobody waits for it any more.
        let _unheard = links.uplink.tell(UplinkMsg::Say(FromAgent::Inspected { command_id, finding }));
    });
}

async fn found(
    subject: &Subject,
    credentials: Option<&messages::connector::Credentials>,
    means: &Means,
) -> Result<Finding, Failure> {
    match subject {
        Subject::Source { source } => {
            let connector = registry::source(source, &Mapping::default(), credentials, means);
            let Looked { place, columns, sample } = connector.look().await?;
            let summary = format!("{place} has {} columns", columns.len());
            Ok(sample.found(summary, &columns))
        }
        Subject::Destination { destination } => {
            let connector = registry::destination(destination, credentials, means);
            Ok(Finding::Destination { summary: connector.check().await? })
        }
    }
}
