//! The technician's query within statements of ours.
//!
//! The client asks the server for numbers with decimals as floats, and for blobs piece by piece. So the server is asked to make
//! texts of both itself: a decimal keeps every digit, a blob comes with its row, and no further than it can be of use.
//! Pure: text in, text out.

/// What the client says of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Whole,
    /// With decimals, or a float.
    Number,
    Flag,
    /// A date, a time, or both.
    Moment,
    Blob,
}

/// One column of the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// Of a blob, in characters.
const MOST_BLOB: usize = 8_000;
/// Of all blobs of a row, in characters, four bytes each: a row has 64 KiB.
const MOST_BLOBS: usize = 12_000;

/// How the client names the types that it fetches.
pub(crate) const fn kind(sql_type: u32) -> Kind {
    match sql_type & !1 {
        580 | 32_752 => Kind::Whole,
        480 | 482 | 530 => Kind::Number,
        32_764 => Kind::Flag,
        510 | 560 | 570 => Kind::Moment,
        520 => Kind::Blob,
        _ => Kind::Text,
    }
}

/// Gives one row without values, from which the columns are known. The query is not carried out for it.
pub(crate) fn describing(query: &str) -> String {
    format!("select q.* from rdb$database left join (select first 0 x.* from (\n{query}\n) x) q on 1 = 1")
}

/// Characters that a blob may have.
pub(crate) fn most_of_a_blob(columns: &[Column]) -> usize {
    let blobs = columns.iter().filter(|column| column.kind == Kind::Blob).count();
    (MOST_BLOBS / blobs.max(1)).min(MOST_BLOB)
}

/// Gives the rows, with every value in a form that says it exactly.
pub(crate) fn reading(query: &str, columns: &[Column]) -> String {
    let most = most_of_a_blob(columns);
    let named = |column: &Column| format!("\"{}\"", column.name.replace('"', "\"\""));
    let exact = |column: &Column| {
        let name = named(column);
        match column.kind {
            Kind::Number | Kind::Moment => {
                format!("cast(q.{name} as varchar(64) character set ascii) as {name}")
            }
            // One more than it may have, to see that it has more. As bytes: only the blob knows whether it is text.
            Kind::Blob => format!(
                "cast(substring(q.{name} from 1 for {}) as varchar({}) character set octets) as {name}",
                most + 1,
                (most + 1) * 4
            ),
            Kind::Text | Kind::Whole | Kind::Flag => format!("q.{name}"),
        }
    };
    let values = columns.iter().map(exact).collect::<Vec<_>>().join(", ");
    format!("select {values} from (\n{query}\n) q")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_stands_on_lines_of_its_own() {
        let query = "select a from t -- the end";
        let column = |name: &str, kind| Column { name: name.into(), kind };
        assert!(describing(query).contains("-- the end\n) x) q"));
        let columns = [
            column("SKU", Kind::Text),
            column("N", Kind::Whole),
            column("PRICE", Kind::Number),
            column("od\"d", Kind::Moment),
            column("PIC", Kind::Blob),
        ];
        assert_eq!(
            reading(query, &columns),
            "select q.\"SKU\", q.\"N\", cast(q.\"PRICE\" as varchar(64) character set ascii) as \"PRICE\", \
             cast(q.\"od\"\"d\" as varchar(64) character set ascii) as \"od\"\"d\", \
             cast(substring(q.\"PIC\" from 1 for 8001) as varchar(32004) character set octets) as \"PIC\" \
             from (\nselect a from t -- the end\n) q"
        );
    }

    #[test]
    fn a_row_holds_all_its_blobs() {
        let blobs = |count| vec![Column { name: "B".into(), kind: Kind::Blob }; count];
        assert_eq!([0, 1, 2, 6].map(|count| most_of_a_blob(&blobs(count))), [8_000, 8_000, 6_000, 2_000]);
    }

    #[test]
    fn types_have_kinds_whether_they_may_be_null_or_not() {
        for (of, kind_of) in [
            (449, Kind::Text),
            (580, Kind::Whole),
            (481, Kind::Number),
            (510, Kind::Moment),
            (521, Kind::Blob),
            (32_765, Kind::Flag),
        ] {
            assert_eq!(kind(of), kind_of, "{of}");
        }
    }
}
