//! The list of users: from query parameters to filters. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bson::{Document, doc};
use messages::Problem;
use messages::http::paging::ListQuery;
use messages::validate::Check;

use super::documents::value::fold;
use super::users::invalid_cursor;

/// Text to look for is cut here: names are not longer.
const MAX_TEXT: usize = 100;

/// What to ask the database.
#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    /// Everything that matches.
    pub(super) all: Document,
    /// What comes after the cursor.
    pub(super) page: Document,
    pub(super) sort: Document,
    pub(super) by_login: bool,
}

pub(super) fn plan(query: &ListQuery) -> Result<Plan, Problem> {
    let mut check = Check::new();
    let sort = query.sort.as_deref().unwrap_or("name");
    let (descending, field) = sort.strip_prefix('-').map_or((false, sort), |field| (true, field));
    check.ensure(
        matches!(field, "name" | "login"),
        "sort",
        "must be name or login, with - before it to reverse",
    );
    let state = query.state.as_deref();
    check.ensure(
        matches!(state, None | Some("enabled" | "disabled")),
        "state",
        "must be enabled or disabled",
    );
    check.finish()?;

    let mut conditions = Vec::new();
    if let Some(text) = query.q.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        let pattern = escape(&fold(&text.chars().take(MAX_TEXT).collect::<String>()));
        let like = doc! { "$regex": pattern };
        conditions.push(doc! { "$or": [{ "login_key": like.clone() }, { "name_key": like }] });
    }
    if let Some(state) = state {
        conditions.push(doc! { "enabled": state == "enabled" });
    }
    let all = and(&conditions);
    let by_login = field == "login";
    let key = if by_login { "login_key" } else { "name_key" };
    let (beyond, direction) = if descending { ("$lt", -1) } else { ("$gt", 1) };
    if let Some(cursor) = &query.cursor {
        let (id, last) = read_cursor(cursor).ok_or_else(invalid_cursor)?;
        conditions.push(doc! { "$or": [
            { key: { beyond: &last } },
            { key: &last, "_id": { beyond: id } },
        ] });
    }
    Ok(Plan { all, page: and(&conditions), sort: doc! { key: direction, "_id": direction }, by_login })
}

fn and(conditions: &[Document]) -> Document {
    if conditions.is_empty() {
        doc! {}
    } else {
        doc! { "$and": conditions.to_vec() }
    }
}

fn read_cursor(cursor: &str) -> Option<(bson::Uuid, String)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (id, key) = text.split_once('\n')?;
    Some((bson::Uuid::parse_str(id).ok()?, key.to_owned()))
}

/// Every character stands for itself.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_alphanumeric() && !c.is_whitespace() {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use messages::ErrorCode;

    use super::*;

    fn query(sort: Option<&str>, cursor: Option<&str>) -> ListQuery {
        ListQuery { sort: sort.map(str::to_owned), cursor: cursor.map(str::to_owned), ..ListQuery::default() }
    }

    #[test]
    fn the_cursor_continues_in_the_direction_of_the_sort() {
        let id = bson::Uuid::from_bytes([7; 16]);
        let cursor = URL_SAFE_NO_PAD.encode(format!("{id}\nlan"));
        let down = plan(&query(Some("-login"), Some(&cursor))).unwrap();
        assert_eq!(down.sort, doc! { "login_key": -1, "_id": -1 });
        assert_eq!(down.all, doc! {});
        let expected = doc! { "$and": [{ "$or": [
            { "login_key": { "$lt": "lan" } },
            { "login_key": "lan", "_id": { "$lt": id } },
        ] }] };
        assert_eq!(down.page, expected);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for cursor in ["", "!", "bm9wZQ"] {
            assert_eq!(
                plan(&query(None, Some(cursor))).unwrap_err().code,
                ErrorCode::InvalidCursor,
                "{cursor}"
            );
        }
        assert_eq!(plan(&query(Some("password_hash"), None)).unwrap_err().code, ErrorCode::InvalidField);
        let state = ListQuery { state: Some("odd".into()), ..ListQuery::default() };
        assert_eq!(plan(&state).unwrap_err().code, ErrorCode::InvalidField);
    }

    #[test]
    fn text_is_looked_for_as_it_stands() {
        assert_eq!(escape("a.b*(c)"), "a\\.b\\*\\(c\\)");
        assert_eq!(escape("đặng lan"), "đặng lan");
    }
}
