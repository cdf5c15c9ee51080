//! What an agent says to a reader, a program beside it that holds a foreign driver, and what that answers: one line of JSON
//! on its input, lines of JSON on its output. Agent and readers are installed together, and yet may differ by a version
//! while they are being replaced: [`PROTOCOL`] tells. Pure.

use serde::{Deserialize, Serialize};

use crate::connector::{Credentials, SourceConfig};

/// Grows whenever an older program would misunderstand.
pub const PROTOCOL: u32 = 1;

/// Asked by this argument, a reader says what it is, as [`Hello`], and ends.
pub const HELLO_ARGUMENT: &str = "--hello";

/// Of a line in either direction. A row beyond it is refused where it is made.
pub const MOST_LINE: usize = 2 * 1024 * 1024;

/// Of one value, in characters, as far as the program can tell. An article's description has some thousand.
pub const MOST_VALUE: usize = 32_000;

/// What a reader says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    pub protocol: u32,
    pub version: String,
    /// Kinds of sources that it reads.
    pub kinds: Vec<String>,
}

/// The one line that a reader is told. It ends when its input does: then nobody wants what it reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    pub protocol: u32,
    pub task: Task,
    pub source: SourceConfig,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// The columns that the query has.
    Describe,
    /// Those, and then its rows.
    Read,
}

/// One line of a reader's: that it begins, the columns, then rows, then the end. A failure may come at any time, and is the
/// last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// The database is there; from now on the time of the query counts.
    Begun,
    Columns(Vec<Column>),
    Row(Row),
    /// Something that a technician should know.
    Note(String),
    Failed(Failed),
    /// Everything was told. Without it the reader has broken off.
    End,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    /// Its values are numbers, with a point and perhaps an exponent, whatever texts have.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub number: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Row {
    /// One for each column; none where the database has none.
    pub values: Vec<Option<String>>,
    /// Values that cannot be given, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<(usize, String)>,
    /// Values whose encoding only the job knows, as hexadecimal digits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bytes: Vec<(usize, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    pub class: Class,
    /// In the words of driver or server.
    pub said: String,
}

/// Classes of failures, the same for all databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// User, password, or no right to the database.
    Login,
    /// The query, or what it asks for.
    Query,
    /// The query wants to write.
    Writes,
    /// It took longer than allowed.
    TooLong,
    /// The machine has no such driver or data source.
    Absent,
    /// The server or the way to it has trouble of its own.
    Trouble,
}

impl Hello {
    #[must_use]
    pub fn is_understood(&self) -> bool {
        self.protocol == PROTOCOL
    }
}

impl Failed {
    pub fn new(class: Class, said: impl Into<String>) -> Self {
        Self { class, said: said.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Programs of two versions may meet: what was said stays readable, to the letter.
    #[test]
    fn each_line_is_written_as_it_always_was() {
        let row = Row {
            values: vec![Some("A-1".into()), None, Some(String::new())],
            refused: vec![(2, "holds binary data".into())],
            bytes: vec![(1, "c3".into())],
        };
        let plain = Row { values: vec![Some("1.29".into()), None], ..Row::default() };
        for (told, text) in [
            (
                Told::Columns(vec![
                    Column { name: "sku".into(), number: false },
                    Column { name: "price".into(), number: true },
                ]),
                r#"{"columns":[{"name":"sku"},{"name":"price","number":true}]}"#,
            ),
            (Told::Row(plain), r#"{"row":{"values":["1.29",null]}}"#),
            (
                Told::Row(row),
                r#"{"row":{"values":["A-1",null,""],"refused":[[2,"holds binary data"]],"bytes":[[1,"c3"]]}}"#,
            ),
            (Told::Note("x".into()), r#"{"note":"x"}"#),
            (Told::Failed(Failed::new(Class::TooLong, "x")), r#"{"failed":{"class":"too_long","said":"x"}}"#),
            (Told::Begun, r#""begun""#),
            (Told::End, r#""end""#),
        ] {
            assert_eq!(serde_json::to_string(&told).unwrap(), text);
            assert_eq!(serde_json::from_str::<Told>(text).unwrap(), told);
        }
    }

    #[test]
    fn a_question_holds_its_secret_and_does_not_show_it() {
        let text = r#"{"protocol":1,"task":"read","source":{"kind":"odbc","connection":"DSN=pos","user":"me","query":"q"},"credentials":{"kind":"password","password":"pw-1"}}"#;
        let ask: Ask = serde_json::from_str(text).unwrap();
        assert!(serde_json::to_string(&ask).unwrap().contains("pw-1"));
        assert!(!format!("{ask:?}").contains("pw-1"));
    }
}
