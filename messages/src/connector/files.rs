//! Sources that are files on the agent's machine: CSV, Excel, DBF, XML. Pure.

use serde::{Deserialize, Serialize};

use super::MAX_PATH;
use super::source::{ColumnName, DecimalMark, check_columns, is_default};
use crate::validate::{Check, Validate};

/// Which files a source reads, and what becomes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSet<'c> {
    pub path: &'c str,
    pub pick: PickFiles,
    pub settled_s: u32,
    pub archive: &'c str,
}

/// Which of several files that fit a pattern are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PickFiles {
    /// The one that was changed last.
    #[default]
    Newest,
    /// All of them; an article that stands in several counts as the newest file has it.
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TextEncoding {
    /// With or without a byte order mark.
    #[default]
    Utf8,
    Utf16Le,
    Utf16Be,
    Windows1252,
    Windows1250,
    Windows1251,
    Windows1258,
    /// The code pages of DOS, in which tills of the nineties still write.
    Cp437,
    Cp850,
    Cp852,
    Cp866,
}

/// A file of separated values that the point of sale writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct CsvSource {
    /// Path on the agent's machine. Its last part may hold `*` and `?` where the name of the file varies.
    pub path: String,
    /// Which files are read, when several fit.
    #[serde(skip_serializing_if = "is_default")]
    pub pick: PickFiles,
    /// For so many seconds a file must have stood still before it is read.
    #[serde(skip_serializing_if = "is_usual_rest")]
    pub settled_s: u32,
    /// Folder into which the files are moved once a run has sent them; empty: they stay.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub archive: String,
    /// One character; `\t` for a tab.
    pub delimiter: String,
    pub encoding: TextEncoding,
    /// The mark between whole part and decimals in numbers.
    pub decimal_mark: DecimalMark,
    /// Which column holds which field, by header name. A field left out is looked up under its own name.
    pub columns: Vec<ColumnName>,
}

/// A sheet of an Excel workbook (`.xlsx`, `.xlsm`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ExcelSource {
    /// As for CSV, like the three that follow.
    pub path: String,
    pub pick: PickFiles,
    pub settled_s: u32,
    pub archive: String,
    /// Name of the sheet; empty: the first one.
    pub sheet: String,
    /// The row with the names of the columns; what stands above it is left out.
    pub header_row: u32,
    /// In numbers that were entered as text; real numbers have no mark.
    pub decimal_mark: DecimalMark,
    pub columns: Vec<ColumnName>,
}

/// A table of dBase, FoxPro or Clipper (`.dbf`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct DbfSource {
    /// As for CSV, like the three that follow.
    pub path: String,
    pub pick: PickFiles,
    pub settled_s: u32,
    pub archive: String,
    /// Left out: what the table says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<TextEncoding>,
    /// In numbers that are kept as text; numeric columns have a point.
    pub decimal_mark: DecimalMark,
    pub columns: Vec<ColumnName>,
}

/// An XML document with an element for each item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct XmlSource {
    /// As for CSV, like the three that follow.
    pub path: String,
    pub pick: PickFiles,
    pub settled_s: u32,
    pub archive: String,
    /// Path of the element of an item from the root, such as `catalogue/articles/article`.
    pub item: String,
    /// Left out: what the document says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<TextEncoding>,
    pub decimal_mark: DecimalMark,
    /// Which element or attribute within the item holds which field: `price`, `prices/retail`, `@id`, `price/@net`.
    pub columns: Vec<ColumnName>,
}

/// What most exports need: they write without longer pauses.
const USUAL_REST_S: u32 = 2;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_usual_rest(seconds: &u32) -> bool {
    *seconds == USUAL_REST_S
}

impl Default for CsvSource {
    fn default() -> Self {
        Self {
            path: String::new(),
            pick: PickFiles::default(),
            settled_s: USUAL_REST_S,
            archive: String::new(),
            delimiter: ",".into(),
            encoding: TextEncoding::default(),
            decimal_mark: DecimalMark::default(),
            columns: Vec::new(),
        }
    }
}

impl Default for ExcelSource {
    fn default() -> Self {
        Self {
            path: String::new(),
            pick: PickFiles::default(),
            settled_s: USUAL_REST_S,
            archive: String::new(),
            sheet: String::new(),
            header_row: 1,
            decimal_mark: DecimalMark::default(),
            columns: Vec::new(),
        }
    }
}

impl Default for DbfSource {
    fn default() -> Self {
        Self {
            path: String::new(),
            pick: PickFiles::default(),
            settled_s: USUAL_REST_S,
            archive: String::new(),
            encoding: None,
            decimal_mark: DecimalMark::default(),
            columns: Vec::new(),
        }
    }
}

impl Default for XmlSource {
    fn default() -> Self {
        Self {
            path: String::new(),
            pick: PickFiles::default(),
            settled_s: USUAL_REST_S,
            archive: String::new(),
            item: String::new(),
            encoding: None,
            decimal_mark: DecimalMark::default(),
            columns: Vec::new(),
        }
    }
}

macro_rules! reads_files {
    ($($kind:ty),*) => {$(
        impl $kind {
            #[must_use]
            pub fn files(&self) -> FileSet<'_> {
                let Self { path, pick, settled_s, archive, .. } = self;
                FileSet { path, pick: *pick, settled_s: *settled_s, archive }
            }
        }
    )*};
}

reads_files!(CsvSource, ExcelSource, DbfSource, XmlSource);

impl CsvSource {
    /// The delimiter as the single byte a CSV reader wants.
    #[must_use]
    pub fn delimiter_byte(&self) -> Option<u8> {
        match self.delimiter.as_bytes() {
            b"\\t" => Some(b'\t'),
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Some(*byte),
            _ => None,
        }
    }
}

impl FileSet<'_> {
    fn check(self, check: &mut Check) {
        check.range("settled_s", &self.settled_s, &1, &3_600);
        check.optional_text("archive", self.archive, MAX_PATH);
        let folder = self.path.rsplit_once(['/', '\\']).map_or("", |(folder, _)| folder);
        check.ensure(
            !folder.contains(['*', '?']),
            "path",
            "may hold * and ? in the name of the file only, not in its folder",
        );
    }
}

impl Validate for CsvSource {
    fn check(&self, check: &mut Check) {
        check.text("path", &self.path, MAX_PATH);
        check.ensure(
            self.delimiter_byte().is_some(),
            "delimiter",
            "must be one ASCII character, or \\t for a tab",
        );
        self.files().check(check);
        check_columns(check, &self.columns);
    }
}

impl Validate for ExcelSource {
    fn check(&self, check: &mut Check) {
        check.text("path", &self.path, MAX_PATH);
        self.files().check(check);
        // Excel's own limits.
        check.optional_text("sheet", &self.sheet, 31);
        check.range("header_row", &self.header_row, &1, &1_048_576);
        check_columns(check, &self.columns);
    }
}

impl Validate for DbfSource {
    fn check(&self, check: &mut Check) {
        check.text("path", &self.path, MAX_PATH);
        self.files().check(check);
        let wide = matches!(self.encoding, Some(TextEncoding::Utf16Le | TextEncoding::Utf16Be));
        check.ensure(!wide, "encoding", "must be one of one byte a character, or UTF-8");
        check_columns(check, &self.columns);
    }
}

impl Validate for XmlSource {
    fn check(&self, check: &mut Check) {
        check.text("path", &self.path, MAX_PATH);
        self.files().check(check);
        check.text("item", &self.item, 200);
        let sound =
            self.item.trim_matches('/').split('/').all(|step| !step.is_empty() && !step.contains(['@', ' ']));
        check.ensure(
            sound,
            "item",
            "must be names of elements with / between them, such as catalogue/article",
        );
        check_columns(check, &self.columns);
    }
}
