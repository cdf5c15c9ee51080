//! The form of a batch. Pure.

use actors::domain::SecretHash;
use actors::ingest::request::{Parcel, Sent};
use messages::edge::event::Event;
use messages::edge::ingest::{BATCH_VERSION, EventBatch, MAX_BATCH_BYTES, MAX_EVENT_BYTES, MAX_EVENTS};
use messages::{EdgeId, ErrorCode, FieldError, Problem};

/// Beyond it numbers could not be written as JSON by every client, and no device lives so long.
const MOST_SEQ: u64 = 1 << 53;
/// Names of types are short words.
const LONGEST_TYPE: usize = 64;

/// What the retailer's ingestion is asked for a batch of this edge.
pub(super) fn parcel(edge: EdgeId, credential: SecretHash, batch: EventBatch) -> Result<Parcel, Problem> {
    if batch.v != BATCH_VERSION {
        let detail = format!("batches of version {BATCH_VERSION} are spoken here, not {}", batch.v);
        return Err(Problem::new(ErrorCode::UnsupportedProtocol, detail));
    }
    check(&batch)?;
    let EventBatch { device_id: device, stream_id: stream, oldest_seq, events, .. } = batch;
    let events = events.into_iter().map(sent).collect();
    Ok(Parcel { edge, credential, device, stream, oldest_seq, events })
}

fn sent(event: Event) -> Sent {
    let Event { event_id, seq, kind, version, occurred_at, data } = event;
    Sent { event_id, seq, kind, version, occurred_at, data: Box::<str>::from(data).into() }
}

fn check(batch: &EventBatch) -> Result<(), Problem> {
    let wrong = |field: &str, detail: String| {
        Err(Problem::invalid(vec![FieldError { field: field.to_owned(), detail }]))
    };
    let events = &batch.events;
    if events.is_empty() || events.len() > MAX_EVENTS {
        return wrong("events", format!("must have 1 to {MAX_EVENTS} entries"));
    }
    let first = events.first().map_or(0, |event| event.seq);
    if first == 0 || events.last().is_some_and(|event| event.seq > MOST_SEQ) {
        return wrong("events.seq", format!("must lie between 1 and {MOST_SEQ}"));
    }
    if events.windows(2).any(|pair| matches!(pair, [a, b] if a.seq.checked_add(1) != Some(b.seq))) {
        return wrong("events.seq", "must follow each other without a gap".to_owned());
    }
    if batch.oldest_seq == 0 || batch.oldest_seq > first {
        return wrong(
            "oldest_seq",
            "must be at least 1 and at most the first number of the batch".to_owned(),
        );
    }
    let mut whole = 0;
    for (at, event) in events.iter().enumerate() {
        let length = event.data.get().len();
        whole += length;
        if length > MAX_EVENT_BYTES {
            return wrong(&format!("events.{at}.data"), format!("must have at most {MAX_EVENT_BYTES} bytes"));
        }
        if event.kind.is_empty() || event.kind.len() > LONGEST_TYPE {
            return wrong(&format!("events.{at}.type"), format!("must have 1 to {LONGEST_TYPE} bytes"));
        }
    }
    if whole > MAX_BATCH_BYTES {
        return Err(Problem::new(
            ErrorCode::BodyTooLarge,
            format!("a batch may have {MAX_BATCH_BYTES} bytes"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use messages::{DeviceId, EventId, StreamId, Timestamp};
    use serde_json::value::RawValue;

    use super::*;

    fn batch(seqs: &[u64]) -> EventBatch {
        let event = |seq: &u64| Event {
            event_id: EventId::new(),
            seq: *seq,
            kind: "sale_recorded".into(),
            version: 1,
            occurred_at: Timestamp(0),
            data: RawValue::from_string("{}".into()).unwrap(),
        };
        EventBatch {
            v: 1,
            device_id: DeviceId::new(),
            stream_id: StreamId::new(),
            oldest_seq: 1,
            events: seqs.iter().map(event).collect(),
        }
    }

    fn refusal(batch: EventBatch) -> (ErrorCode, String) {
        let problem = parcel(EdgeId::new(), SecretHash([0; 32]), batch).unwrap_err();
        (problem.code, problem.errors.first().map(|error| error.field.clone()).unwrap_or_default())
    }

    #[test]
    fn a_batch_is_taken_as_it_is() {
        let sent = batch(&[7, 8, 9]);
        let parcel = parcel(EdgeId::new(), SecretHash([0; 32]), sent.clone()).unwrap();
        assert_eq!((parcel.device, parcel.stream, parcel.oldest_seq), (sent.device_id, sent.stream_id, 1));
        assert_eq!(parcel.events.iter().map(|event| event.seq).collect::<Vec<_>>(), [7, 8, 9]);
        assert_eq!(parcel.events[0].data, "{}");
    }

    #[test]
    fn a_batch_of_a_wrong_form_is_refused_as_a_whole() {
        let invalid = |field: &str| (ErrorCode::InvalidField, field.to_owned());
        assert_eq!(refusal(batch(&[])), invalid("events"));
        assert_eq!(refusal(batch(&(1..=51).collect::<Vec<_>>())), invalid("events"));
        for seqs in [&[0, 1][..], &[1, 3], &[2, 1], &[1, 1], &[u64::MAX]] {
            assert_eq!(refusal(batch(seqs)), invalid("events.seq"), "{seqs:?}");
        }
        for oldest_seq in [0, 3] {
            assert_eq!(refusal(EventBatch { oldest_seq, ..batch(&[2]) }), invalid("oldest_seq"));
        }
        assert_eq!(refusal(EventBatch { v: 2, ..batch(&[1]) }).0, ErrorCode::UnsupportedProtocol);
        let mut large = batch(&[1]);
        large.events[0].data = RawValue::from_string(format!("\"{}\"", "x".repeat(MAX_EVENT_BYTES))).unwrap();
        assert_eq!(refusal(large), invalid("events.0.data"));
        let mut nameless = batch(&[1]);
        nameless.events[0].kind.clear();
        assert_eq!(refusal(nameless), invalid("events.0.type"));
    }
}
