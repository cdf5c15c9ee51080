//! A look at a shop from the hub: what an agent finds at a source or a destination that somebody is about to use. Nothing
//! is changed there, nothing is stored, and nobody waits longer than [`PATIENCE_S`].

use serde::{Deserialize, Serialize};

use crate::connector::{Credentials, DestinationConfig, SourceConfig};
use crate::validate::{Check, Validate};
use crate::{DestinationId, ErrorCode, JobId};

/// An agent looks so long at most. The hub waits a little longer.
pub const PATIENCE_S: u64 = 20;
/// The capability of agents that look.
pub const CAPABILITY: &str = "inspect";
/// Rows of a sample: enough to see what a column holds.
pub const SAMPLE_ROWS: usize = 25;
/// Columns that are told; more is no table of articles.
pub const MOST_COLUMNS: usize = 200;
/// Characters of a value.
pub const MOST_VALUE: usize = 200;
/// Bytes of all values of a sample as they are written on the wire: it must fit a frame.
pub const MOST_SAMPLE: usize = 96 * 1024;
/// Bytes of the names of its columns, likewise.
pub const MOST_NAMES: usize = 48 * 1024;

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "look_at", rename_all = "snake_case")]
pub enum Subject {
    Source { source: SourceConfig },
    Destination { destination: DestinationConfig },
}

impl Subject {
    /// The sort and kind of connector that an agent must have for it.
    #[must_use]
    pub fn connector(&self) -> (&'static str, &'static str) {
        match self {
            Self::Source { source } => ("source", source.kind()),
            Self::Destination { destination } => ("destination", destination.kind()),
        }
    }

    #[must_use]
    pub fn needs_credentials(&self) -> bool {
        match self {
            Self::Source { source } => source.needs_credentials(),
            Self::Destination { destination } => destination.needs_credentials(),
        }
    }

    /// The credentials that open it, in words.
    #[must_use]
    pub fn wanted_credentials(&self) -> &'static str {
        match self {
            Self::Source { source } => source.wanted_credentials(),
            Self::Destination { destination } => destination.wanted_credentials(),
        }
    }

    fn accepts(&self, credentials: &Credentials) -> bool {
        match self {
            Self::Source { source } => source.accepts(credentials),
            Self::Destination { destination } => destination.accepts(credentials),
        }
    }
}

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InspectRequest {
    #[serde(flatten)]
    pub subject: Subject,
    /// What opens it. Left out, what is stored for the job or destination named here is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<JobId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_id: Option<DestinationId>,
}

/// What the agent found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum Finding {
    Source {
        /// In one line, for people.
        summary: String,
        columns: Vec<String>,
        /// The first rows, each with a value for each column, cut where they are long.
        rows: Vec<Vec<String>>,
    },
    Destination {
        summary: String,
    },
    /// It cannot be used as it is.
    Failed {
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        code: ErrorCode,
        detail: String,
    },
}

impl Validate for InspectRequest {
    fn check(&self, check: &mut Check) {
        match &self.subject {
            Subject::Source { source } => check.nested("source", |check| source.check(check)),
            Subject::Destination { destination } => {
                check.nested("destination", |check| destination.check(check));
            }
        }
        if let Some(credentials) = &self.credentials {
            check.nested("credentials", |check| credentials.check(check));
            if !self.subject.accepts(credentials) {
                check.fail("credentials", format!("must be {}", self.subject.wanted_credentials()));
            }
        }
    }
}

/// Puts a sample together within its limits.
#[derive(Debug, Default)]
pub struct Sample {
    rows: Vec<Vec<String>>,
    bytes: usize,
}

impl Sample {
    /// Takes a row; false when it has enough.
    pub fn take<'v>(&mut self, values: impl Iterator<Item = &'v str>) -> bool {
        let row: Vec<String> = values.take(MOST_COLUMNS).map(cut).collect();
        self.bytes += row.iter().map(|value| written(value)).sum::<usize>();
        if self.bytes <= MOST_SAMPLE {
            self.rows.push(row);
        }
        self.rows.len() < SAMPLE_ROWS && self.bytes <= MOST_SAMPLE
    }

    #[must_use]
    pub fn into_rows(self) -> Vec<Vec<String>> {
        self.rows
    }

    #[must_use]
    pub fn found(self, summary: String, columns: &[String]) -> Finding {
        let mut bytes = 0;
        let short = columns.iter().take(MOST_COLUMNS).map(|column| cut(column));
        let columns: Vec<String> = short
            .take_while(|column| {
                bytes += written(column);
                bytes <= MOST_NAMES
            })
            .collect();
        let mut rows = self.rows;
        rows.iter_mut().for_each(|row| row.truncate(columns.len()));
        Finding::Source { summary, columns, rows }
    }
}

/// Bytes that a text takes in JSON, with what stands around it.
fn written(text: &str) -> usize {
    let of = |letter: char| match letter {
        '"' | '\\' => 2,
        letter if letter.is_control() => 6,
        letter => letter.len_utf8(),
    };
    text.chars().map(of).sum::<usize>() + 3
}

fn cut(value: &str) -> String {
    let mut letters = value.chars();
    let mut kept: String = letters.by_ref().take(MOST_VALUE).collect();
    if letters.next().is_some() {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_asked_says_what_is_looked_at_and_with_what() {
        let request: InspectRequest = serde_json::from_value(json!({
            "look_at": "source", "source": { "kind": "csv", "path": "/pos/items.csv" },
        }))
        .unwrap();
        assert_eq!(request.subject.connector(), ("source", "csv"));
        assert!(request.validate().is_ok() && !request.subject.needs_credentials());
        let hook = json!({
            "look_at": "destination",
            "destination": { "kind": "webhook", "url": "nowhere", "batch_items": 5 },
            "credentials": { "kind": "password", "password": "x" },
        });
        let request: InspectRequest = serde_json::from_value(hook).unwrap();
        let problem = request.validate().unwrap_err();
        let fields: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["destination.url", "credentials"]);
        assert!(!format!("{request:?}").contains("\"x\""));
    }

    /// As the first version that has them writes them.
    #[test]
    fn frames_of_a_look_keep_their_form() {
        use crate::agent::{Frame, FromAgent, ToAgent};

        let asked = r#"{"v":1,"t":"inspect","command_id":"01932f6e-2b1c-7a40-8f3a-5d0c9e7b1a0e","look_at":"destination","destination":{"kind":"local_file","path":"/x.csv","format":"csv"}}"#;
        let frame: Frame<ToAgent> = serde_json::from_str(asked).unwrap();
        assert_eq!(serde_json::to_string(&frame).unwrap(), asked);
        for finding in [
            r#"{"found":"source","summary":"s","columns":["a"],"rows":[["1"]]}"#,
            r#"{"found":"destination","summary":"it is there"}"#,
            r#"{"found":"failed","code":"source_missing","detail":"there is no file"}"#,
        ] {
            let told = format!(
                r#"{{"v":1,"t":"inspected","command_id":"01932f6e-2b1c-7a40-8f3a-5d0c9e7b1a0e","finding":{finding}}}"#
            );
            let frame: Frame<FromAgent> = serde_json::from_str(&told).unwrap();
            assert_eq!(serde_json::to_string(&frame).unwrap(), told);
        }
    }

    #[test]
    fn a_sample_stays_small_whatever_it_is_made_of() {
        let mut few = Sample::default();
        assert!(few.take(["1", "Milk"].into_iter()));
        let Finding::Source { columns, rows, .. } =
            few.found("two columns".into(), &["sku".into(), "name".into()])
        else {
            panic!("a source was looked at")
        };
        assert_eq!((columns.len(), rows), (2, vec![vec!["1".to_owned(), "Milk".to_owned()]]));

        let mut many = Sample::default();
        let taken = (0..1_000).take_while(|_| many.take(["x"].into_iter())).count();
        assert_eq!(taken + 1, SAMPLE_ROWS);

        let long = "ü".repeat(100_000);
        let mut wide = Sample::default();
        while wide.take(std::iter::repeat_n(long.as_str(), 100)) {}
        let Finding::Source { rows, .. } = wide.found(String::new(), &[]) else { panic!("a source") };
        assert!(
            !rows.is_empty() && rows.iter().all(Vec::is_empty),
            "a sample without columns shows none: {rows:?}"
        );

        let columns = vec!["\u{1}".repeat(300); 400];
        let mut hostile = Sample::default();
        while hostile.take(columns.iter().map(String::as_str)) {}
        let found = hostile.found(String::new(), &columns);
        let Finding::Source { columns, rows, .. } = &found else { panic!("a source") };
        assert!(columns.len() > 10 && rows.iter().all(|row| row.len() == columns.len()));
        assert_eq!(columns[0].chars().count(), MOST_VALUE + 1);
        let bytes = serde_json::to_string(&found).unwrap().len();
        assert!(bytes < crate::agent::MAX_FRAME * 3 / 4, "{bytes}");
    }
}
