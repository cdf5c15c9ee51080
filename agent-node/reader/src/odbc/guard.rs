//! Is it one statement, and one that reads? ODBC has no session that only reads, and some servers take several statements at
//! once, so this is looked at before a driver sees it. It is meant against mistakes: what keeps somebody who means it is a user
//! who may read and nothing else, and every session is rolled back.
//! Pure: text in, the query or a sentence out.

/// With what a statement begins that reads.
const READING: &[&str] = &["select", "with", "values", "table", "show"];

/// The query without the semicolon that people end it with.
pub(crate) fn one_that_reads(query: &str) -> Result<&str, String> {
    let (end, several) = end_of_first(query);
    if several {
        return Err("it is more than one statement".to_owned());
    }
    let first = first_word(query);
    if !READING.iter().any(|word| first.eq_ignore_ascii_case(word)) {
        return Err(format!("it begins with \"{first}\", and must begin with one of {}", READING.join(", ")));
    }
    Ok(query[..end].trim())
}

/// Where the first statement ends, and whether another one follows.
fn end_of_first(query: &str) -> (usize, bool) {
    let mut end = None;
    for (at, piece) in pieces(query) {
        match (piece, end) {
            (Piece::Separator, None) => end = Some(at),
            (Piece::Text, Some(_)) => return (at, true),
            _ => {}
        }
    }
    (end.unwrap_or(query.len()), false)
}

/// The first word, past blanks, comments and brackets.
fn first_word(query: &str) -> &str {
    let begin = pieces(query)
        .find(|(at, piece)| *piece == Piece::Text && !query[*at..].starts_with('('))
        .map_or(query.len(), |(at, _)| at);
    let rest = &query[begin..];
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    // Words as long as this begin no statement.
    rest.get(..end.min(30)).unwrap_or(rest)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// A character of a statement, or a whole quoted part.
    Text,
    Separator,
}

/// What of the text counts, with its place: no blanks, no comments.
fn pieces(query: &str) -> impl Iterator<Item = (usize, Piece)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = &query[at..];
            let here = rest.chars().next()?;
            let start = at;
            let (length, piece) = match here {
                '-' if rest.starts_with("--") => (rest.find('\n').unwrap_or(rest.len()), None),
                '/' if rest.starts_with("/*") => {
                    (rest[2..].find("*/").map_or(rest.len(), |end| end + 4), None)
                }
                '\'' | '"' | '`' => (quoted(rest, here), Some(Piece::Text)),
                '[' => (quoted(rest, ']'), Some(Piece::Text)),
                ';' => (1, Some(Piece::Separator)),
                c if c.is_whitespace() => (c.len_utf8(), None),
                c => (c.len_utf8(), Some(Piece::Text)),
            };
            at += length;
            if let Some(piece) = piece {
                return Some((start, piece));
            }
        }
    })
}

/// Length of a quoted part with both marks; a doubled mark does not end it.
fn quoted(rest: &str, mark: char) -> usize {
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if c == mark && characters.next_if(|(_, next)| *next == mark).is_none() {
            return at + 1;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_statement_that_reads_is_let_through() {
        for (query, taken) in [
            ("select 1", "select 1"),
            (" Select 1 ; ", "Select 1"),
            ("select ';' as a; -- the end;", "select ';' as a"),
            ("select 1;;", "select 1"),
            (
                "/* all; */ with a as (select 1) select * from a",
                "/* all; */ with a as (select 1) select * from a",
            ),
            ("(select 1) union (select 2)", "(select 1) union (select 2)"),
            (
                "select [a;b], \"c;d\", `e;f`, 'it''s;' from t",
                "select [a;b], \"c;d\", `e;f`, 'it''s;' from t",
            ),
            ("-- first\nselect 1", "-- first\nselect 1"),
            ("values (1)", "values (1)"),
        ] {
            assert_eq!(one_that_reads(query), Ok(taken), "{query}");
        }
    }

    #[test]
    fn everything_else_is_told() {
        for (query, part) in [
            ("delete from t", "begins with \"delete\""),
            ("commit", "begins with \"commit\""),
            ("", "begins with \"\""),
            ("-- select 1", "begins with \"\""),
            ("exec prices", "begins with \"exec\""),
            ("select 1; delete from t", "more than one"),
            ("select ''; delete from t; --'", "more than one"),
            ("select 1 /* ; */ ; select 2", "more than one"),
            ("insert into t select 1", "begins with \"insert\""),
            ("selection", "begins with \"selection\""),
        ] {
            let why = one_that_reads(query).unwrap_err();
            assert!(why.contains(part), "{query}: {why}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged(query in "(?s).{0,80}") {
            if let Ok(taken) = one_that_reads(&query) {
                prop_assert!(query.contains(taken));
            }
        }

        #[test]
        fn a_second_statement_is_seen_behind_any_quotes(text in "[a-z;'\"\\[\\]`]{0,12}") {
            let quoted = format!("select '{}' ; drop table t", text.replace('\'', "''"));
            prop_assert!(one_that_reads(&quoted).is_err());
        }
    }
}
