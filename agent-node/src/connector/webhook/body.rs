//! A batch as it is posted, and what its answer says. Pure.

use messages::RunId;
use messages::agent::RejectedItem;
use messages::item::Item;
use serde::{Deserialize, Serialize};

use crate::connector::Numbered;

/// A batch on the wire. The same rows of the same run make the same bytes, whenever they are sent.
#[derive(Debug, Serialize)]
struct Batch<'a> {
    run_id: RunId,
    /// Counted from 1.
    batch: u64,
    /// No batch of this run comes after it.
    last: bool,
    items: Vec<&'a Item>,
}

/// The bytes of a batch.
pub(super) fn write(
    run_id: RunId,
    batch: u64,
    last: bool,
    rows: &[Numbered],
) -> Result<Vec<u8>, serde_json::Error> {
    let items = rows.iter().map(|row| &row.item).collect();
    serde_json::to_vec(&Batch { run_id, batch, last, items })
}

/// What a receiver may answer, if it wants to say more than that it has the batch.
#[derive(Debug, Default, Deserialize)]
struct Answer {
    #[serde(default)]
    rejected: Vec<Refused>,
}

#[derive(Debug, Deserialize)]
struct Refused {
    sku: String,
    #[serde(default)]
    reason: String,
}

/// The items that the receiver names as not taken. An answer of any other form says nothing of them.
pub(super) fn rejects(answer: &[u8], rows: &[Numbered]) -> Vec<RejectedItem> {
    let Answer { rejected } = serde_json::from_slice(answer).unwrap_or_default();
    let named = rejected.into_iter().filter_map(|Refused { sku, reason }| {
        let row = rows.iter().find(|row| row.item.sku == sku)?;
        let reason = if reason.is_empty() { "the receiver did not take it".to_owned() } else { reason };
        Some(row.rejected(reason))
    });
    named.take(rows.len()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u64) -> Numbered {
        let item: Item =
            serde_json::from_str(&format!(r#"{{"sku":"{number}","name":"Milk","price":"1.290"}}"#)).unwrap();
        Numbered { row: number + 1, item }
    }

    #[test]
    fn a_batch_is_the_same_bytes_each_time() {
        let run_id: RunId = "01932f6e-2b1c-7a40-8f3a-5d0c9e7b1a06".parse().unwrap();
        let bytes = write(run_id, 3, true, &[row(1)]).unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            r#"{"run_id":"01932f6e-2b1c-7a40-8f3a-5d0c9e7b1a06","batch":3,"last":true,"items":[{"sku":"1","name":"Milk","price":"1.290"}]}"#
        );
    }

    #[test]
    fn a_receiver_may_name_what_it_does_not_take() {
        let rows = [row(1), row(2)];
        let answer = br#"{"rejected":[{"sku":"2","reason":"no such department"},{"sku":"9"}]}"#;
        let rejects = rejects(answer, &rows);
        assert_eq!(rejects.len(), 1);
        assert_eq!((rejects[0].row, rejects[0].reason.as_str()), (3, "no such department"));
        assert!(super::rejects(b"thank you", &rows).is_empty());
        assert!(super::rejects(b"", &rows).is_empty());
    }
}
