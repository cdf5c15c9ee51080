//! Searching, sorting and paging what the actor has in memory. Pure.
//!
//! A cursor is the sort key and identifier of the last entry shown, so a page stays right while others change things.

use messages::http::paging::{ListQuery, Page};
use messages::live::Entity;
use messages::{ErrorCode, Problem};

/// One entry with what it is found and sorted by.
pub struct Row {
    pub id: String,
    pub text: String,
    pub state: &'static str,
    /// Value of the field that the query sorts by.
    pub key: String,
    pub entity: Entity,
}

/// The page that `query` asks for.
pub fn page(mut rows: Vec<Row>, query: &ListQuery) -> Result<Page<Entity>, Problem> {
    if let Some(wanted) = query.q.as_deref().map(str::trim).filter(|q| !q.is_empty()) {
        let wanted = wanted.to_lowercase();
        rows.retain(|row| row.text.to_lowercase().contains(&wanted));
    }
    if let Some(state) = query.state.as_deref().filter(|state| !state.is_empty()) {
        rows.retain(|row| row.state == state);
    }
    let descending = query.sort.as_deref().is_some_and(|sort| sort.starts_with('-'));
    let place = |row: &Row| (row.key.to_lowercase(), row.id.clone());
    rows.sort_by_cached_key(place);
    if descending {
        rows.reverse();
    }
    let total = rows.len() as u64;
    if let Some(cursor) = &query.cursor {
        let after = decode(cursor)?;
        let seen = if descending {
            rows.partition_point(|row| place(row) >= after)
        } else {
            rows.partition_point(|row| place(row) <= after)
        };
        rows.drain(..seen);
    }
    let more = rows.len() > query.page_size();
    rows.truncate(query.page_size());
    let next = rows.last().filter(|_| more).map(|last| encode(&place(last)));
    Ok(Page { items: rows.into_iter().map(|row| row.entity).collect(), next, total })
}

fn encode((key, id): &(String, String)) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in format!("{id} {key}").bytes() {
        // Writing to a string cannot fail.
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}

fn decode(cursor: &str) -> Result<(String, String), Problem> {
    let invalid = || Problem::new(ErrorCode::InvalidCursor, "take the cursor from `next` of the page before");
    let bytes: Option<Vec<u8>> = (0..cursor.len())
        .step_by(2)
        .map(|at| cursor.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    let text = String::from_utf8(bytes.ok_or_else(invalid)?).map_err(|_| invalid())?;
    let (id, key) = text.split_once(' ').ok_or_else(invalid)?;
    Ok((key.to_owned(), id.to_owned()))
}

/// The state to filter by must be one that entries of the list can have.
pub fn check_state(query: &ListQuery, allowed: &[&'static str]) -> Result<(), Problem> {
    match query.state.as_deref().filter(|state| !state.is_empty()) {
        Some(state) if !allowed.contains(&state) => {
            let detail = format!("\"{state}\" is no state of this list; {} can be used", allowed.join(", "));
            Err(Problem::invalid(vec![messages::FieldError { field: "state".into(), detail }]))
        }
        _ => Ok(()),
    }
}

/// The field to sort by, checked against what the list can do.
pub fn sort_field<'q>(query: &'q ListQuery, allowed: &[&'static str]) -> Result<&'q str, Problem> {
    let field = query.sort.as_deref().unwrap_or("name");
    let bare = field.strip_prefix('-').unwrap_or(field);
    if allowed.contains(&bare) {
        Ok(bare)
    } else {
        let detail = format!("cannot sort by \"{bare}\"; {} can be used", allowed.join(", "));
        Err(Problem::invalid(vec![messages::FieldError { field: "sort".into(), detail }]))
    }
}

#[cfg(test)]
mod tests {
    use messages::live::Totals;

    use super::*;

    fn rows(names: &[&str]) -> Vec<Row> {
        let row = |name: &&str| Row {
            id: format!("id-{name}"),
            text: (*name).to_owned(),
            state: if name.len() > 3 { "enabled" } else { "disabled" },
            key: (*name).to_owned(),
            entity: Entity::Totals(Totals { retailers: name.len() as u64, ..Totals::default() }),
        };
        names.iter().map(row).collect()
    }

    fn lengths(page: &Page<Entity>) -> Vec<u64> {
        page.items
            .iter()
            .map(|entity| match entity {
                Entity::Totals(totals) => totals.retailers,
                _ => 0,
            })
            .collect()
    }

    #[test]
    fn pages_cover_everything_once_in_either_direction() {
        let names = ["a", "bb", "ccc", "dddd", "eeeee", "ffffff", "ggggggg"];
        for (sort, mut expected) in
            [("name", vec![1, 2, 3, 4, 5, 6, 7]), ("-name", vec![7, 6, 5, 4, 3, 2, 1])]
        {
            let mut query = ListQuery { limit: Some(3), sort: Some(sort.into()), ..ListQuery::default() };
            let mut seen = Vec::new();
            loop {
                let page = page(rows(&names), &query).unwrap();
                assert_eq!(page.total, 7);
                seen.extend(lengths(&page));
                query.cursor = page.next;
                if query.cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen, std::mem::take(&mut expected), "{sort}");
        }
    }

    #[test]
    fn search_and_state_narrow() {
        let query = ListQuery { q: Some(" D ".into()), ..ListQuery::default() };
        assert_eq!(lengths(&page(rows(&["abc", "dddd"]), &query).unwrap()), [4]);
        let query = ListQuery { state: Some("disabled".into()), ..ListQuery::default() };
        assert_eq!(lengths(&page(rows(&["abc", "dddd"]), &query).unwrap()), [3]);
    }

    #[test]
    fn a_state_that_nothing_has_is_refused() {
        let query = |state: &str| ListQuery { state: Some(state.into()), ..ListQuery::default() };
        assert_eq!(check_state(&query("enabled"), &["enabled", "disabled"]), Ok(()));
        assert_eq!(check_state(&query(""), &["enabled"]), Ok(()));
        let problem = check_state(&query("broken"), &["enabled", "disabled"]).unwrap_err();
        assert_eq!((problem.code, problem.errors[0].field.as_str()), (ErrorCode::InvalidField, "state"));
    }

    #[test]
    fn a_made_up_cursor_is_refused() {
        for cursor in ["x", "zz", "ff", "ééé", "6161"] {
            let query = ListQuery { cursor: Some(cursor.into()), ..ListQuery::default() };
            assert_eq!(page(rows(&["a"]), &query).unwrap_err().code, ErrorCode::InvalidCursor, "{cursor}");
        }
    }
}
