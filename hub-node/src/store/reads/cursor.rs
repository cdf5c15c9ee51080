//! Cursors: the place of the last row of a page, in a text that only the hub can read. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use messages::{ErrorCode, Problem};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A place is two short values; a longer text is none of ours.
const LONGEST: usize = 2_048;

#[derive(Serialize, Deserialize)]
struct Envelope<P> {
    /// Which list, sorted how. A cursor of another list or order would silently show the wrong rows.
    list: String,
    place: P,
}

pub(in crate::store) fn encode<P: Serialize>(list: &str, place: P) -> Result<String, Problem> {
    let envelope = Envelope { list: list.to_owned(), place };
    let bytes = bson::serialize_to_vec(&envelope)
        .map_err(|error| Problem::new(ErrorCode::Internal, format!("a cursor cannot be made: {error}")))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

pub(in crate::store) fn decode<P: DeserializeOwned>(list: &str, text: &str) -> Result<P, Problem> {
    let envelope = (text.len() <= LONGEST)
        .then(|| URL_SAFE_NO_PAD.decode(text).ok())
        .flatten()
        .and_then(|bytes| bson::deserialize_from_slice::<Envelope<P>>(&bytes).ok())
        .filter(|envelope| envelope.list == list);
    envelope.map(|envelope| envelope.place).ok_or_else(|| {
        let detail =
            "take the cursor from `next` of the page before, and ask for the same list in the same order";
        Problem::new(ErrorCode::InvalidCursor, detail)
    })
}

/// A page out of one row more than it holds: that row tells that there is a next page.
pub(in crate::store) fn cut<T>(
    mut rows: Vec<T>,
    size: usize,
    cursor_of: impl FnOnce(&T) -> Result<String, Problem>,
) -> Result<(Vec<T>, Option<String>), Problem> {
    let more = rows.len() > size;
    rows.truncate(size);
    let next = match rows.last() {
        Some(last) if more => Some(cursor_of(last)?),
        _ => None,
    };
    Ok((rows, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_for_its_own_list_and_order() {
        let text = encode("runs", ("a".to_owned(), 5_i64)).unwrap();
        assert_eq!(decode::<(String, i64)>("runs", &text).unwrap(), ("a".to_owned(), 5));
        let wrong =
            |result: Result<(String, i64), Problem>| result.unwrap_err().code == ErrorCode::InvalidCursor;
        assert!(wrong(decode("logs", &text)));
        assert!(wrong(decode("runs", &text[1..])));
        assert!(wrong(decode("runs", "")));
        assert!(wrong(decode("runs", &"A".repeat(100_000))));
        // A place of another kind: nobody smuggles an operator into a filter.
        let smuggled = encode("runs", bson::doc! { "$gt": "" }).unwrap();
        assert!(wrong(decode("runs", &smuggled)));
    }

    #[test]
    fn the_last_page_has_no_next() {
        let cursor = |n: &i32| Ok(n.to_string());
        assert_eq!(cut(vec![1, 2, 3], 2, cursor).unwrap(), (vec![1, 2], Some("2".to_owned())));
        assert_eq!(cut(vec![1, 2], 2, cursor).unwrap(), (vec![1, 2], None));
        assert_eq!(cut(vec![], 2, cursor).unwrap(), (vec![], None));
    }
}
