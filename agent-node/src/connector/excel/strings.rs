//! The texts of a workbook's cells, one after the other in a file without a name: a million articles have a million
//! names, and a sheet asks for them nearly in their order.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use quick_xml::events::Event;
use quick_xml::reader::Reader;

use super::book::resolved;
use crate::connector::xml::Guarded;
use crate::connector::{Failure, scratch};

/// All texts together; more are no catalogue.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;
/// Read at once; more than the longest text that Excel allows.
const WINDOW: usize = 256 * 1024;

/// Why there are no texts.
pub(super) enum Fault {
    Disk(Failure),
    Form(String),
}

/// See the module.
pub(super) struct Strings {
    file: Option<File>,
    /// Where each text ends.
    ends: Vec<u32>,
    /// A piece of the file, and where it begins.
    window: Vec<u8>,
    from: u64,
}

impl Strings {
    pub(super) const fn none() -> Self {
        Self { file: None, ends: Vec::new(), window: Vec::new(), from: 0 }
    }

    /// Reads all of them.
    pub(super) fn read(input: impl Read, folder: &Path) -> Result<Self, Fault> {
        let file = scratch::file(folder).map_err(Fault::Disk)?;
        let disk = |error: &io::Error| Fault::Disk(scratch::failed(error));
        let mut out = BufWriter::with_capacity(WINDOW, file);
        let mut reader = Reader::from_reader(io::BufReader::new(Guarded::new(input)));
        let (mut ends, mut bytes, mut buffer) = (Vec::new(), 0_u64, Vec::new());
        // Within a text; within hints on its pronunciation, which are none of it.
        let (mut within, mut hints) = (false, false);
        loop {
            buffer.clear();
            let event = reader.read_event_into(&mut buffer);
            let event = event
                .map_err(|error| Fault::Form(format!("the texts of the workbook cannot be read: {error}")))?;
            let mut keep = |text: &str| {
                bytes += text.len() as u64;
                if bytes > MOST_BYTES {
                    return Err(Fault::Form(format!(
                        "the workbook has more than {MOST_BYTES} bytes of texts"
                    )));
                }
                out.write_all(text.as_bytes()).map_err(|error| disk(&error))
            };
            match event {
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "t" => within = !hints,
                    "rPh" => hints = true,
                    _ => {}
                },
                Event::Text(text) if within => keep(&text.xml10_content())?,
                Event::CData(text) if within => keep(&text.xml10_content())?,
                Event::GeneralRef(name) if within => keep(resolved(&name).encode_utf8(&mut [0; 4]))?,
                Event::End(tag) => match tag.local_name().as_ref() {
                    "t" => within = false,
                    "rPh" => hints = false,
                    "si" => ends.push(u32::try_from(bytes).unwrap_or(u32::MAX)),
                    _ => {}
                },
                Event::Empty(tag) if tag.local_name().as_ref() == "si" => {
                    ends.push(u32::try_from(bytes).unwrap_or(u32::MAX));
                }
                Event::Eof => break,
                _ => {}
            }
            reader.get_mut().get_mut().token_came();
        }
        let file = out.into_inner().map_err(|error| disk(error.error()))?;
        ends.shrink_to_fit();
        Ok(Self { file: Some(file), ends, window: Vec::new(), from: 0 })
    }

    /// The text of this number; none where there is no such text.
    pub(super) fn get(&mut self, at: usize) -> Result<Option<&str>, Failure> {
        let Some(end) = self.ends.get(at).copied() else { return Ok(None) };
        let begin = if at == 0 { 0 } else { self.ends[at - 1] };
        let (begin, end) = (u64::from(begin), u64::from(end));
        if begin < self.from || end > self.from + self.window.len() as u64 {
            self.move_to(begin, end).map_err(|error| scratch::failed(&error))?;
        }
        let within = |place: u64| usize::try_from(place - self.from).unwrap_or(usize::MAX);
        let bytes = self.window.get(within(begin)..within(end)).unwrap_or_default();
        // It was a text when it was written.
        Ok(Some(std::str::from_utf8(bytes).unwrap_or_default()))
    }

    fn move_to(&mut self, begin: u64, end: u64) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.seek(SeekFrom::Start(begin))?;
        let length = (WINDOW as u64).max(end - begin);
        self.window.clear();
        self.from = begin;
        file.take(length).read_to_end(&mut self.window)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut xml = String::from(
            "<sst><si><t>Milk &amp; &#116;ea</t></si><si/><si><r><t>ri</t></r><r><rPr/><t xml:space=\"preserve\">ch </t></r><rPh><t>hint</t></rPh></si>",
        );
        for n in 0..100_000 {
            xml += &format!("<si><t>Text {n}</t></si>");
        }
        xml += "</sst>";
        let Ok(mut strings) = Strings::read(xml.as_bytes(), folder.path()) else { panic!("no texts") };
        let mut get = |at| strings.get(at).unwrap().map(str::to_owned);
        for (at, text) in [
            (0, Some("Milk & tea")),
            (1, Some("")),
            (2, Some("rich ")),
            (100_002, Some("Text 99999")),
            (3, Some("Text 0")),
            (50_003, Some("Text 50000")),
            (50_002, Some("Text 49999")),
            (100_003, None),
        ] {
            assert_eq!(get(at).as_deref(), text, "{at}");
        }
        assert!(Strings::read(&b"<sst><si></sst>"[..], folder.path()).is_err());
    }
}
