//! The generated code of `proto/grocerysync/v1/sync.proto`, and its conversions from and to what HTTP carries.

use serde_json::value::RawValue;

use super::catalogue::{self, MAX_CHANGES};
use super::event;
use super::ingest::{self, IngestAnswer};
use crate::{ErrorCode, Problem, Timestamp};

/// What the compiler made of the file.
#[expect(
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    reason = "generated; the file in proto/ is what people read"
)]
pub mod v1 {
    tonic::include_proto!("grocerysync.v1");
}

/// A message that breaks the contract; the sentence says where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {detail}")]
pub struct Unreadable {
    pub field: &'static str,
    pub detail: String,
}

fn read<T: std::str::FromStr>(field: &'static str, text: &str) -> Result<T, Unreadable>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| Unreadable { field, detail: error.to_string() })
}

impl From<ingest::EventBatch> for v1::EventBatch {
    fn from(batch: ingest::EventBatch) -> Self {
        Self {
            version: batch.v.into(),
            device_id: batch.device_id.to_string(),
            stream_id: batch.stream_id.to_string(),
            oldest_seq: batch.oldest_seq,
            events: batch.events.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<event::Event> for v1::Event {
    fn from(event: event::Event) -> Self {
        Self {
            event_id: event.event_id.to_string(),
            seq: event.seq,
            r#type: event.kind,
            version: event.version.into(),
            occurred_at: event.occurred_at.0,
            data: Box::<str>::from(event.data).into_boxed_bytes().into_vec(),
        }
    }
}

impl TryFrom<v1::EventBatch> for ingest::EventBatch {
    type Error = Unreadable;

    fn try_from(batch: v1::EventBatch) -> Result<Self, Unreadable> {
        Ok(Self {
            v: u16::try_from(batch.version).unwrap_or(u16::MAX),
            device_id: read("device_id", &batch.device_id)?,
            stream_id: read("stream_id", &batch.stream_id)?,
            oldest_seq: batch.oldest_seq,
            events: batch.events.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        })
    }
}

impl TryFrom<v1::Event> for event::Event {
    type Error = Unreadable;

    fn try_from(event: v1::Event) -> Result<Self, Unreadable> {
        Ok(Self {
            event_id: read("event_id", &event.event_id)?,
            seq: event.seq,
            kind: event.r#type,
            version: u16::try_from(event.version).unwrap_or(u16::MAX),
            occurred_at: Timestamp(event.occurred_at),
            data: raw(event.data)?,
        })
    }
}

impl From<Result<IngestAnswer, Problem>> for v1::Acknowledgment {
    fn from(answer: Result<IngestAnswer, Problem>) -> Self {
        let ids = |ids: Vec<crate::EventId>| ids.iter().map(ToString::to_string).collect();
        match answer {
            Ok(answer) => Self {
                accepted: ids(answer.accepted),
                duplicates: ids(answer.duplicates),
                errors: answer.errors.into_iter().map(Into::into).collect(),
                settled_seq: answer.settled_seq,
                expected_seq: answer.expected_seq,
                refusal: None,
            },
            Err(problem) => Self { refusal: Some(problem.into()), ..Self::default() },
        }
    }
}

impl From<Problem> for v1::Refusal {
    fn from(problem: Problem) -> Self {
        Self {
            code: problem.code.as_str().to_owned(),
            detail: problem.detail,
            retry: problem.retry,
            retry_after_s: problem.retry_after_s.unwrap_or(0),
        }
    }
}

impl From<v1::Refusal> for Problem {
    fn from(refusal: v1::Refusal) -> Self {
        let mut problem = Self::new(ErrorCode::parse(&refusal.code), refusal.detail);
        problem.retry = refusal.retry;
        problem.retry_after_s = Some(refusal.retry_after_s).filter(|seconds| *seconds > 0);
        problem
    }
}

impl From<ingest::EventError> for v1::EventError {
    fn from(error: ingest::EventError) -> Self {
        Self {
            event_id: error.event_id.to_string(),
            seq: error.seq,
            code: error.code.as_str().to_owned(),
            detail: error.detail,
        }
    }
}

impl v1::Acknowledgment {
    /// The answer, or the refusal of the whole batch.
    pub fn read(self) -> Result<Result<IngestAnswer, Problem>, Unreadable> {
        if let Some(refusal) = self.refusal {
            return Ok(Err(refusal.into()));
        }
        let ids = |field, texts: Vec<String>| {
            texts.iter().map(|text| read::<crate::EventId>(field, text)).collect::<Result<Vec<_>, _>>()
        };
        let errors: Result<Vec<_>, Unreadable> = self
            .errors
            .into_iter()
            .map(|error| {
                Ok(ingest::EventError {
                    event_id: read("errors.event_id", &error.event_id)?,
                    seq: error.seq,
                    code: ErrorCode::parse(&error.code),
                    detail: error.detail,
                })
            })
            .collect();
        Ok(Ok(IngestAnswer {
            accepted: ids("accepted", self.accepted)?,
            duplicates: ids("duplicates", self.duplicates)?,
            errors: errors?,
            settled_seq: self.settled_seq,
            expected_seq: self.expected_seq,
        }))
    }
}

impl From<catalogue::ChangesRequest> for v1::ChangesRequest {
    fn from(request: catalogue::ChangesRequest) -> Self {
        Self {
            version: request.v.into(),
            device_id: request.device_id.to_string(),
            feed_id: request.feed_id.map(|id| id.to_string()),
            cursor: request.cursor,
            loading: request.loading,
            limit: request.limit,
            wait_s: request.wait_s,
        }
    }
}

impl TryFrom<v1::ChangesRequest> for catalogue::ChangesRequest {
    type Error = Unreadable;

    fn try_from(request: v1::ChangesRequest) -> Result<Self, Unreadable> {
        Ok(Self {
            v: u16::try_from(request.version).unwrap_or(u16::MAX),
            device_id: read("device_id", &request.device_id)?,
            feed_id: request.feed_id.as_deref().map(|id| read("feed_id", id)).transpose()?,
            cursor: request.cursor,
            loading: request.loading,
            limit: if request.limit == 0 { MAX_CHANGES } else { request.limit },
            wait_s: request.wait_s,
        })
    }
}

impl From<catalogue::Change> for v1::Change {
    fn from(change: catalogue::Change) -> Self {
        let data = Box::<str>::from(change.data).into_boxed_bytes().into_vec();
        Self { seq: change.seq, r#type: change.kind, version: change.version.into(), data }
    }
}

impl TryFrom<v1::Change> for catalogue::Change {
    type Error = Unreadable;

    fn try_from(change: v1::Change) -> Result<Self, Unreadable> {
        let version = u16::try_from(change.version).unwrap_or(u16::MAX);
        Ok(Self { seq: change.seq, kind: change.r#type, version, data: raw(change.data)? })
    }
}

impl From<Result<catalogue::ChangesPage, Problem>> for v1::ChangesPage {
    fn from(answer: Result<catalogue::ChangesPage, Problem>) -> Self {
        match answer {
            Ok(page) => Self {
                version: page.v.into(),
                feed_id: page.feed_id.map(|id| id.to_string()),
                currency: page.currency.map(|currency| currency.to_string()),
                from: page.from,
                cursor: page.cursor,
                head: page.head,
                changes: page.changes.into_iter().map(Into::into).collect(),
                refusal: None,
            },
            Err(problem) => Self { refusal: Some(problem.into()), ..Self::default() },
        }
    }
}

impl v1::ChangesPage {
    /// The page, or the refusal of the question.
    pub fn read(self) -> Result<Result<catalogue::ChangesPage, Problem>, Unreadable> {
        if let Some(refusal) = self.refusal {
            return Ok(Err(refusal.into()));
        }
        Ok(Ok(catalogue::ChangesPage {
            v: u16::try_from(self.version).unwrap_or(u16::MAX),
            feed_id: self.feed_id.as_deref().map(|id| read("feed_id", id)).transpose()?,
            currency: self.currency.as_deref().map(|text| read("currency", text)).transpose()?,
            from: self.from,
            cursor: self.cursor,
            head: self.head,
            changes: self.changes.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        }))
    }
}

fn raw(data: Vec<u8>) -> Result<Box<RawValue>, Unreadable> {
    let wrong = |detail: String| Unreadable { field: "data", detail };
    let text = String::from_utf8(data).map_err(|error| wrong(error.to_string()))?;
    RawValue::from_string(text).map_err(|error| wrong(error.to_string()))
}
