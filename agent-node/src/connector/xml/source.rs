//! The XML connector: what is particular to it among the sources that lie in files.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};

use messages::ErrorCode;
use messages::connector::{FileSet, XmlSource};
use messages::item::ItemField;

use super::walk::{Fault, Walk};
use crate::connector::file_source::{FileConnector, FileKind, OpenFile, Rows, read_all, sample};
use crate::connector::files::{self, Found};
use crate::connector::table::header::Want;
use crate::connector::table::tally::HandOver;
use crate::connector::table::{Header, Row, Tally};
use crate::connector::text::{self, TextReader};
use crate::connector::{Failure, FoundColumn, Looked};

/// See the module.
pub type XmlConnector = FileConnector<Xml>;

/// Items that are looked at to learn what they have.
const LOOKED_AT: usize = 50;
/// Of a document, to learn its encoding.
const BEGINNING: u64 = 256;

/// Documents of these settings.
#[derive(Debug, Clone)]
pub struct Xml(pub XmlSource);

struct Items {
    walk: Walk<TextReader<File>>,
    header: Header,
    path: PathBuf,
    item: String,
    some: bool,
}

impl FileKind for Xml {
    type Opened = OpenFile;

    fn files(&self) -> FileSet<'_> {
        self.0.files()
    }

    fn open(&self, file: Found, want: Want<'_>) -> Result<OpenFile, Failure> {
        let header = match want {
            Want::Items(mapping) => Header::of_paths(&self.0.columns, mapping, self.0.decimal_mark.as_char()),
            Want::Raw => Header::raw(paths(&self.0, &file.path)?),
        };
        let walk = walk(&self.0, &file.path, header.names.iter().map(String::as_str))?;
        let items = Items { walk, header, path: file.path.clone(), item: self.0.item.clone(), some: false };
        Ok(OpenFile { file, rows: Box::new(items) })
    }

    fn found(OpenFile { file, .. }: &OpenFile) -> String {
        format!("{} has {} bytes of XML", file.path.display(), file.stamp.size)
    }

    fn columns(&self, opened: OpenFile) -> Result<Vec<FoundColumn>, Failure> {
        let header = opened.rows.header();
        let field = |path: &str| ItemField::ALL.into_iter().find(|field| header.name(*field) == Some(path));
        let paths = paths(&self.0, &opened.file.path)?;
        Ok(paths.into_iter().map(|path| FoundColumn { field: field(&path), header: path }).collect())
    }

    fn sample(&self, opened: OpenFile) -> Result<Looked, Failure> {
        sample(opened)
    }

    fn read(
        &self,
        several: bool,
        files: &mut dyn Iterator<Item = Result<OpenFile, Failure>>,
        hand_over: &HandOver<'_>,
    ) -> Result<(), Failure> {
        read_all(Tally::new(several, self.0.decimal_mark.as_char()), files, hand_over)
    }
}

/// What the first items have.
fn paths(config: &XmlSource, path: &Path) -> Result<Vec<String>, Failure> {
    let mut walk = walk(config, path, std::iter::empty())?;
    walk.gather();
    let mut row = Row::default();
    for _ in 0..LOOKED_AT {
        if !walk.advance(&mut row).map_err(|fault| failed(path, fault))? {
            break;
        }
    }
    Ok(walk.gathered())
}

fn walk<'n>(
    config: &XmlSource,
    path: &Path,
    names: impl Iterator<Item = &'n str>,
) -> Result<Walk<TextReader<File>>, Failure> {
    let unreadable = |error: std::io::Error| files::unreadable(path, &error);
    let mut file = File::open(path).map_err(unreadable)?;
    let mut beginning = Vec::new();
    (&mut file).take(BEGINNING).read_to_end(&mut beginning).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    if !begins_like_xml(&beginning) {
        return Err(malformed(path, "it does not begin like an XML document"));
    }
    let encoding = match config.encoding {
        Some(set) => text::standard(set),
        None => Some(text::of_xml(&beginning).map_err(|name| {
            malformed(
                path,
                &format!("it names the encoding \"{name}\", which is not known here; set the encoding"),
            )
        })?),
    };
    let input = match (encoding, config.encoding) {
        (Some(encoding), _) => TextReader::labelled(file, encoding),
        (None, set) => TextReader::new(file, set.unwrap_or_default()),
    };
    Ok(Walk::new(input, &config.item, names))
}

/// After a mark of its encoding, and with zero bytes between where its characters are wide.
fn begins_like_xml(beginning: &[u8]) -> bool {
    let noise =
        |byte: &&u8| !matches!(**byte, 0xEF | 0xBB | 0xBF | 0xFE | 0xFF | 0) && !byte.is_ascii_whitespace();
    beginning.iter().find(noise) == Some(&b'<')
}

fn failed(path: &Path, fault: Fault) -> Failure {
    match fault {
        Fault::Disk(error) => files::unreadable(path, &error),
        Fault::Form(what) => malformed(path, &what),
    }
}

fn malformed(path: &Path, what: &str) -> Failure {
    Failure::new(ErrorCode::SourceMalformed, format!("{}: {what}", path.display()))
}

impl Rows for Items {
    fn header(&self) -> &Header {
        &self.header
    }

    fn advance(&mut self, row: &mut Row) -> Result<bool, Failure> {
        let more = self.walk.advance(row).map_err(|fault| failed(&self.path, fault))?;
        self.some |= more;
        Ok(more)
    }

    fn bytes_read(&self) -> u64 {
        self.walk.input().bytes_read()
    }

    fn notes(&mut self) -> Vec<String> {
        if self.some {
            return Vec::new();
        }
        vec![format!("no element {} was found; is the path of the item right?", self.item)]
    }
}
