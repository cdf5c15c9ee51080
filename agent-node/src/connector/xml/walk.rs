//! Through a document of XML, item by item.
//! Pure: reads from what it is given.

use std::io::{self, BufReader, Read};

use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use crate::connector::table::Row;

/// A tag or a text; longer ones are no article, and would be kept whole.
const MOST_TOKEN: u64 = 1024 * 1024;
/// All values of an item.
const MOST_ITEM: usize = 256 * 1024;
const MOST_DEPTH: usize = 64;
/// Paths that are told of an item.
const MOST_PATHS: usize = 200;

/// Why the document could not be read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Disk(io::Error),
    #[error("{0}")]
    Form(String),
}

/// Where a column's value lies within an item.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    steps: Vec<String>,
    attribute: Option<String>,
}

/// Lets no more through than one token may have, until it is told that a token has come.
pub(in crate::connector) struct Guarded<R> {
    input: R,
    left: u64,
}

impl<R> Guarded<R> {
    pub(in crate::connector) const fn new(input: R) -> Self {
        Self { input, left: MOST_TOKEN }
    }

    pub(in crate::connector) const fn token_came(&mut self) {
        self.left = MOST_TOKEN;
    }

    pub(in crate::connector) const fn input(&self) -> &R {
        &self.input
    }
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other(TooLong));
        }
        let read = self.input.read(out)?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

/// Told by the guard, and no fault of the disk.
#[derive(Debug, thiserror::Error)]
#[error("a single tag or text has more than {MOST_TOKEN} bytes")]
struct TooLong;

/// See the module.
pub(super) struct Walk<R: Read> {
    reader: Reader<BufReader<Guarded<R>>>,
    buffer: Vec<u8>,
    item: Vec<String>,
    places: Vec<Place>,
    /// Names of the open elements; within an item only those in it.
    open: Vec<String>,
    within: bool,
    /// Open elements around the present item, as many as match the path so far.
    matched: usize,
    depth: usize,
    values: Vec<Option<String>>,
    /// A value that has begun and not ended, so that a second element of the name does not add to it.
    refused: Option<(usize, String)>,
    size: usize,
    number: u64,
    /// Paths that items have, gathered where that is asked for.
    paths: Option<Vec<String>>,
}

impl<R: Read> Walk<R> {
    pub(super) fn new<'n>(input: R, item: &str, names: impl Iterator<Item = &'n str>) -> Self {
        let places: Vec<_> = names.map(place).collect();
        let mut reader = Reader::from_reader(BufReader::new(Guarded::new(input)));
        reader.config_mut().trim_text(false);
        Self {
            reader,
            buffer: Vec::new(),
            item: item.trim_matches('/').split('/').map(str::to_owned).collect(),
            values: vec![None; places.len()],
            places,
            open: Vec::new(),
            within: false,
            matched: 0,
            depth: 0,
            refused: None,
            size: 0,
            number: 0,
            paths: None,
        }
    }

    /// Gathers the paths that items have.
    pub(super) fn gather(&mut self) {
        self.paths = Some(Vec::new());
    }

    pub(super) fn gathered(self) -> Vec<String> {
        self.paths.unwrap_or_default()
    }

    pub(super) fn input(&self) -> &R {
        self.reader.get_ref().get_ref().input()
    }

    /// The next item; false at the end of the document.
    pub(super) fn advance(&mut self, row: &mut Row) -> Result<bool, Fault> {
        let mut buffer = std::mem::take(&mut self.buffer);
        loop {
            buffer.clear();
            let event = self.reader.read_event_into(&mut buffer).map_err(|error| self.fault(error));
            let step = self.step(event?)?;
            self.reader.get_mut().get_mut().token_came();
            match step {
                Step::On => {}
                Step::Item => {
                    self.hand_out(row);
                    self.buffer = buffer;
                    return Ok(true);
                }
                Step::End => return Ok(false),
            }
        }
    }

    fn fault(&self, error: quick_xml::Error) -> Fault {
        let after = format!("the document breaks off after {} items", self.number);
        match error {
            quick_xml::Error::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<TooLong>()) => {
                Fault::Form(format!("{after}: {TooLong}"))
            }
            quick_xml::Error::Io(error) => Fault::Disk(io::Error::new(error.kind(), error.to_string())),
            other => Fault::Form(format!("{after}: {other}")),
        }
    }

    fn step(&mut self, event: Event<'_>) -> Result<Step, Fault> {
        match event {
            Event::Start(tag) => self.start(&tag)?,
            Event::Empty(tag) => {
                self.start(&tag)?;
                return Ok(self.end());
            }
            Event::End(_) => return Ok(self.end()),
            Event::Text(text) if self.within => self.text(&text.xml10_content()),
            Event::CData(text) if self.within => self.text(&text.xml10_content()),
            Event::GeneralRef(name) if self.within => self.reference(&name),
            Event::Eof if self.depth > 0 => {
                let detail = format!("the document ends in the middle, after {} items", self.number);
                return Err(Fault::Form(detail));
            }
            Event::Eof => return Ok(Step::End),
            _ => {}
        }
        Ok(Step::On)
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(Fault::Form("the document is nested too deeply".to_owned()));
        }
        let name = tag.local_name();
        let name = name.as_ref();
        if self.within {
            self.open.push(name.to_owned());
        } else if self.matched + 1 == self.depth
            && self.item.get(self.matched).is_some_and(|wanted| wanted == name)
        {
            self.matched += 1;
            self.within = self.matched == self.item.len();
        }
        if self.within {
            self.attributes(tag)?;
        }
        Ok(())
    }

    fn attributes(&mut self, tag: &BytesStart<'_>) -> Result<(), Fault> {
        for attribute in tag.attributes() {
            let wrong = |error: &dyn std::fmt::Display| {
                Fault::Form(format!("the tag <{}> cannot be read: {error}", tag.local_name().as_ref()))
            };
            let attribute = attribute.map_err(|error| wrong(&error))?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| wrong(&error))?;
            let name = attribute.key.local_name();
            let name = name.as_ref();
            self.told(|open| {
                format!("{}@{name}", open.iter().map(|step| format!("{step}/")).collect::<String>())
            });
            for at in 0..self.places.len() {
                if self.places[at].attribute.as_deref() == Some(name) && self.places[at].steps == self.open {
                    self.add(at, &value);
                }
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.told(|open| open.join("/"));
        }
        for at in 0..self.places.len() {
            if self.places[at].attribute.is_none() && self.places[at].steps == self.open {
                self.add(at, text);
            }
        }
    }

    fn reference(&mut self, name: &BytesRef<'_>) {
        let resolved = match (name.resolve_char_ref(), &**name) {
            (Ok(Some(character)), _) => Some(character),
            (_, "lt") => Some('<'),
            (_, "gt") => Some('>'),
            (_, "amp") => Some('&'),
            (_, "quot") => Some('"'),
            (_, "apos") => Some('\''),
            _ => None,
        };
        if let Some(character) = resolved {
            return self.text(character.encode_utf8(&mut [0; 4]));
        }
        let at = self.places.iter().position(|place| place.attribute.is_none() && place.steps == self.open);
        if let Some(at) = at {
            let reason = format!("holds &{};, whose meaning the document would have to declare", &**name);
            self.refused.get_or_insert((at, reason));
        }
    }

    fn add(&mut self, at: usize, text: &str) {
        self.size += text.len();
        if self.size <= MOST_ITEM {
            self.values[at].get_or_insert_default().push_str(text);
        }
    }

    fn told(&mut self, path: impl FnOnce(&[String]) -> String) {
        if let Some(paths) = &mut self.paths
            && paths.len() < MOST_PATHS
        {
            let path = path(&self.open);
            if !path.is_empty() && !paths.contains(&path) {
                paths.push(path);
            }
        }
    }

    fn end(&mut self) -> Step {
        self.depth = self.depth.saturating_sub(1);
        if self.within {
            if self.open.pop().is_some() {
                return Step::On;
            }
            self.within = false;
            self.matched -= 1;
            return Step::Item;
        }
        self.matched = self.matched.min(self.depth);
        Step::On
    }

    fn hand_out(&mut self, row: &mut Row) {
        self.number += 1;
        row.start(self.number);
        let refused = self.refused.take();
        for (at, value) in self.values.iter_mut().enumerate() {
            let value = value.take().unwrap_or_default();
            match &refused {
                Some((column, reason)) if *column == at => row.push_refused(value.trim(), reason.clone()),
                _ => row.push(value.trim()),
            }
        }
        if std::mem::take(&mut self.size) > MOST_ITEM {
            row.break_off(format!("the item has more than {MOST_ITEM} bytes"));
        }
    }
}

enum Step {
    On,
    Item,
    End,
}

/// `price`, `prices/retail`, `@id`, `price/@net`; `.` is the text of the item itself.
fn place(path: &str) -> Place {
    let mut steps: Vec<String> = path
        .trim_matches('/')
        .split('/')
        .map(str::trim)
        .filter(|step| !matches!(*step, "" | "."))
        .map(str::to_owned)
        .collect();
    let attribute = steps.last().and_then(|last| last.strip_prefix('@')).map(str::to_owned);
    if attribute.is_some() {
        steps.pop();
    }
    Place { steps, attribute }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(xml: &str, item: &str, paths: &[&str]) -> Result<Vec<Vec<String>>, String> {
        let mut walk = Walk::new(xml.as_bytes(), item, paths.iter().copied());
        let (mut row, mut all) = (Row::default(), Vec::new());
        while walk.advance(&mut row).map_err(|fault| fault.to_string())? {
            let mut told: Vec<_> = (0..paths.len()).map(|at| row.value(at).to_owned()).collect();
            told.extend(row.refused().map(|(at, reason)| format!("{at}: {reason}")));
            told.extend(row.broken().map(str::to_owned));
            all.push(told);
        }
        Ok(all)
    }

    #[test]
    fn elements_and_attributes_at_their_paths() {
        let xml = r#"<?xml version="1.0"?><!DOCTYPE c><c xmlns:p="urn:p"><head><a id="0"/></head>
            <a id="1" p:lang="vi"><name>S&#7919;a &amp; <![CDATA[<Kem>]]></name><price net="1.1">1.29</price></a>
            <a id="2"><x><price>9</price></x><p:name>Tea</p:name><price/>rest</a><b id="3"/></c>"#;
        assert_eq!(
            read(xml, "c/a", &["@id", "name", "price", "price/@net", "x/price", "@lang", "."]).unwrap(),
            [["1", "Sữa & <Kem>", "1.29", "1.1", "", "vi", ""], ["2", "Tea", "", "", "9", "", "rest"]]
        );
        assert_eq!(read(xml, "/c/b/", &["@id"]).unwrap(), [["3"]]);
        assert_eq!(read(xml, "a", &["@id"]).unwrap().len(), 0, "paths begin at the outermost element");
        assert_eq!(
            read("<a><sku>1</sku></a>", "a", &["sku"]).unwrap(),
            [["1"]],
            "an item may be all there is"
        );
    }

    #[test]
    fn half_a_document_is_none() {
        let whole = "<c><a><s>1</s></a><a><s>2</s></a></c>";
        for length in 1..whole.len() {
            assert!(read(&whole[..length], "c/a", &["s"]).is_err(), "{}", &whole[..length]);
        }
        assert!(read("<c><a></b></c>", "c/a", &["s"]).unwrap_err().contains("after 0 items"));
    }

    #[test]
    fn entities_of_its_own_are_not_followed() {
        let xml = r#"<!DOCTYPE c [<!ENTITY x SYSTEM "file:///etc/passwd">]><c><a><s>&x;</s><t>1</t></a></c>"#;
        let told = read(xml, "c/a", &["t", "s"]).unwrap();
        assert_eq!(told[0][..2], ["1", ""]);
        assert!(told[0][2].starts_with("1: holds &x;"), "{told:?}");
        assert!(read(r#"<c><a s="&x;"/></c>"#, "c/a", &["@s"]).is_err());
    }

    #[test]
    fn nothing_grows_without_bound() {
        let long = "x".repeat(300 * 1024);
        let told = read(&format!("<c><a><s>{long}</s></a><a><s>2</s></a></c>"), "c/a", &["s"]).unwrap();
        assert!(told[0][1].contains("more than 262144 bytes"), "{}", told[0][1]);
        assert_eq!(told[1], ["2"]);
        let endless = format!("<c><a><s>{}", "x".repeat(3 * 1024 * 1024));
        assert!(read(&endless, "c/a", &["s"]).unwrap_err().contains("a single tag or text"));
        assert!(read(&"<c>".repeat(100), "c/a", &["s"]).unwrap_err().contains("too deeply"));
    }

    #[test]
    fn what_items_have_is_gathered() {
        let xml = "<c><a id='1'><p><r>1</r></p><n/></a><a><n>x</n></a></c>";
        let mut walk = Walk::new(xml.as_bytes(), "c/a", std::iter::empty());
        walk.gather();
        let mut row = Row::default();
        while walk.advance(&mut row).unwrap() {}
        assert_eq!(walk.gathered(), ["@id", "p/r", "n"]);
    }
}
