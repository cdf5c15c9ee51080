//! Bytes of a file as UTF-8, whatever its encoding. What cannot be decoded becomes U+FFFD, which no point of
//! sale writes on purpose; the row reader refuses it, so that the place is told.

mod dos;

use std::borrow::Cow;
use std::io::{self, Read};

use encoding_rs::{CoderResult, Encoding};
use messages::connector::TextEncoding;

/// Bytes asked of the file at once.
const CHUNK: usize = 64 * 1024;

/// See the module.
pub struct TextReader<R> {
    input: R,
    decoder: Decoder,
    chunk: Vec<u8>,
    at: usize,
    end: usize,
    finished: bool,
    bytes_read: u64,
    last_byte: Option<u8>,
    started: bool,
}

/// How bytes become text.
enum Decoder {
    /// Passes bytes through: UTF-8 is checked field by field, which is cheaper and knows the place.
    Through,
    Known(encoding_rs::Decoder),
    /// One byte for a character; these are those from 0x80.
    Table(&'static str),
    /// The end was decoded; a decoder may not be asked again.
    Done,
}

/// An encoding as a library knows it, or as a table.
enum Means {
    Through,
    Known(&'static Encoding),
    Table(&'static str),
}

const fn means(encoding: TextEncoding) -> Means {
    match encoding {
        TextEncoding::Utf8 => Means::Through,
        TextEncoding::Utf16Le => Means::Known(encoding_rs::UTF_16LE),
        TextEncoding::Utf16Be => Means::Known(encoding_rs::UTF_16BE),
        TextEncoding::Windows1250 => Means::Known(encoding_rs::WINDOWS_1250),
        TextEncoding::Windows1251 => Means::Known(encoding_rs::WINDOWS_1251),
        TextEncoding::Windows1252 => Means::Known(encoding_rs::WINDOWS_1252),
        TextEncoding::Windows1258 => Means::Known(encoding_rs::WINDOWS_1258),
        TextEncoding::Cp437 => Means::Table(dos::CP437),
        TextEncoding::Cp850 => Means::Table(dos::CP850),
        TextEncoding::Cp852 => Means::Table(dos::CP852),
        TextEncoding::Cp866 => Means::Known(encoding_rs::IBM866),
    }
}

fn of_table(table: &str, byte: u8) -> char {
    if byte.is_ascii() {
        return char::from(byte);
    }
    table.chars().nth(usize::from(byte - 0x80)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The encoding as a library knows it, if it does.
#[must_use]
pub const fn standard(encoding: TextEncoding) -> Option<&'static Encoding> {
    match means(encoding) {
        Means::Through => Some(encoding_rs::UTF_8),
        Means::Known(known) => Some(known),
        Means::Table(_) => None,
    }
}

/// The encoding of an XML document by its beginning; the error is a name that is not known.
pub fn of_xml(beginning: &[u8]) -> Result<&'static Encoding, String> {
    match beginning {
        [0xEF, 0xBB, 0xBF, ..] => return Ok(encoding_rs::UTF_8),
        [0xFF, 0xFE, ..] | [b'<', 0, ..] => return Ok(encoding_rs::UTF_16LE),
        [0xFE, 0xFF, ..] | [0, b'<', ..] => return Ok(encoding_rs::UTF_16BE),
        _ => {}
    }
    let text = String::from_utf8_lossy(beginning);
    let declaration = text.split("?>").next().filter(|text| text.trim_start().starts_with("<?xml"));
    let named = declaration.and_then(|text| text.split_once("encoding")).and_then(|(_, rest)| {
        let rest = rest.trim_start().strip_prefix('=')?.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        rest[1..].split(quote).next()
    });
    let Some(name) = named else { return Ok(encoding_rs::UTF_8) };
    let found = match name.to_ascii_lowercase().as_str() {
        // Without a mark, the document itself shows that it is not wide.
        "utf-16" => Some(encoding_rs::UTF_8),
        "cp866" | "ibm866" => Some(encoding_rs::IBM866),
        name => Encoding::for_label(name.as_bytes()),
    };
    found.ok_or_else(|| name.chars().take(40).collect())
}

/// A short text as a whole. What cannot be decoded becomes U+FFFD.
#[must_use]
pub fn decoded(bytes: &[u8], encoding: TextEncoding) -> Cow<'_, str> {
    if bytes.is_ascii() && !matches!(encoding, TextEncoding::Utf16Le | TextEncoding::Utf16Be) {
        return String::from_utf8_lossy(bytes);
    }
    match means(encoding) {
        Means::Through => String::from_utf8_lossy(bytes),
        Means::Known(known) => known.decode_without_bom_handling(bytes).0,
        Means::Table(table) => bytes.iter().map(|byte| of_table(table, *byte)).collect::<String>().into(),
    }
}

/// A byte order mark that contradicts the configuration.
#[must_use]
pub fn contradicting_mark(start: &[u8], encoding: TextEncoding) -> Option<TextEncoding> {
    let marked = match start {
        [0xEF, 0xBB, 0xBF, ..] => TextEncoding::Utf8,
        [0xFF, 0xFE, ..] => TextEncoding::Utf16Le,
        [0xFE, 0xFF, ..] => TextEncoding::Utf16Be,
        _ => return None,
    };
    (marked != encoding).then_some(marked)
}

/// The name as the configuration has it.
#[must_use]
pub const fn name(encoding: TextEncoding) -> &'static str {
    match encoding {
        TextEncoding::Utf8 => "utf8",
        TextEncoding::Utf16Le => "utf16-le",
        TextEncoding::Utf16Be => "utf16-be",
        TextEncoding::Windows1250 => "windows1250",
        TextEncoding::Windows1251 => "windows1251",
        TextEncoding::Windows1252 => "windows1252",
        TextEncoding::Windows1258 => "windows1258",
        TextEncoding::Cp437 => "cp437",
        TextEncoding::Cp850 => "cp850",
        TextEncoding::Cp852 => "cp852",
        TextEncoding::Cp866 => "cp866",
    }
}

impl<R: Read> TextReader<R> {
    pub fn new(input: R, encoding: TextEncoding) -> Self {
        let decoder = match means(encoding) {
            Means::Through => Decoder::Through,
            Means::Known(known) => Decoder::Known(known.new_decoder_with_bom_removal()),
            Means::Table(table) => Decoder::Table(table),
        };
        Self::with(input, decoder)
    }

    /// Decodes what a document names itself. What comes out is sound UTF-8.
    pub fn labelled(input: R, encoding: &'static Encoding) -> Self {
        Self::with(input, Decoder::Known(encoding.new_decoder_with_bom_removal()))
    }

    fn with(input: R, decoder: Decoder) -> Self {
        Self {
            input,
            decoder,
            chunk: vec![0; CHUNK],
            at: 0,
            end: 0,
            finished: false,
            bytes_read: 0,
            last_byte: None,
            started: false,
        }
    }

    /// Bytes taken from the file.
    pub const fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// The last byte of text that was handed out.
    pub const fn last_byte(&self) -> Option<u8> {
        self.last_byte
    }

    fn refill(&mut self) -> io::Result<()> {
        let read = loop {
            match self.input.read(&mut self.chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        (self.at, self.end) = (0, read);
        self.finished = read == 0;
        self.bytes_read += read as u64;
        if !self.started
            && matches!(self.decoder, Decoder::Through)
            && self.chunk[..read].starts_with(&[0xEF, 0xBB, 0xBF])
        {
            self.at = 3;
        }
        self.started = true;
        Ok(())
    }

    fn decode(&mut self, out: &mut [u8]) -> usize {
        let rest = &self.chunk[self.at..self.end];
        match &mut self.decoder {
            Decoder::Done => 0,
            Decoder::Through => {
                let length = rest.len().min(out.len());
                out[..length].copy_from_slice(&rest[..length]);
                self.at += length;
                length
            }
            Decoder::Table(table) => {
                let mut written = 0;
                for &byte in rest {
                    let character = of_table(table, byte);
                    let Some(room) = out.get_mut(written..written + character.len_utf8()) else { break };
                    character.encode_utf8(room);
                    written += character.len_utf8();
                    self.at += 1;
                }
                written
            }
            Decoder::Known(decoder) => {
                let (result, read, written, _) = decoder.decode_to_utf8(rest, out, self.finished);
                self.at += read;
                if self.finished && result == CoderResult::InputEmpty {
                    self.decoder = Decoder::Done;
                }
                written
            }
        }
    }

    /// Nothing is held back that a further call could bring.
    const fn is_drained(&self) -> bool {
        !matches!(self.decoder, Decoder::Known(_))
    }
}

/// A decoder that gets less room may never get on.
const LEAST_ROOM: usize = 16;

impl<R: Read> Read for TextReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.len() < LEAST_ROOM {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "text needs room for some characters"));
        }
        loop {
            if self.at == self.end && !self.finished {
                self.refill()?;
            }
            if self.finished && self.is_drained() {
                return Ok(0);
            }
            let written = self.decode(out);
            if written > 0 {
                self.last_byte = Some(out[written - 1]);
                return Ok(written);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_encoding_is_read_as_a_stream_and_as_a_whole() {
        for (encoding, bytes, expected) in [
            (TextEncoding::Utf8, "Crème".as_bytes(), "Crème"),
            (TextEncoding::Windows1252, b"Cr\xe8me \x80", "Crème €"),
            (TextEncoding::Windows1250, b"\xbeu\xf8", "ľuř"),
            (TextEncoding::Windows1251, b"\xd7\xe0\xe9", "Чай"),
            (TextEncoding::Cp437, b"K\x84se \x9b", "Käse ¢"),
            (TextEncoding::Cp850, b"K\x84se \xd5", "Käse ı"),
            (TextEncoding::Cp852, b"\x96u\xfd", "ľuř"),
            (TextEncoding::Cp866, b"\x97\xa0\xa9", "Чай"),
            (TextEncoding::Utf16Le, b"K\0\xe4\0", "Kä"),
        ] {
            let (mut reader, mut read) = (TextReader::new(bytes, encoding), Vec::new());
            let mut room = [0; 32];
            while let length @ 1.. = reader.read(&mut room).unwrap() {
                read.extend_from_slice(&room[..length]);
            }
            assert_eq!(String::from_utf8(read).unwrap(), expected, "{encoding:?}");
            assert_eq!(decoded(bytes, encoding), expected, "{encoding:?}");
        }
    }

    #[test]
    fn a_document_says_its_encoding() {
        for (beginning, expected) in [
            (b"<a/>".as_slice(), "UTF-8"),
            (b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "windows-1252"),
            (b"<?xml version=\"1.0\" encoding = \"windows-1251\" ?>", "windows-1251"),
            (b"\xFF\xFE<\0", "UTF-16LE"),
            (b"\0<\0?", "UTF-16BE"),
            (b"\xEF\xBB\xBF<?xml encoding='x'?>", "UTF-8"),
            (b"<?xml version='1.0'?><a encoding='x'/>", "UTF-8"),
        ] {
            assert_eq!(of_xml(beginning).unwrap().name(), expected);
        }
        assert_eq!(of_xml(b"<?xml encoding='ebcdic-7'?>").unwrap_err(), "ebcdic-7");
    }

    #[test]
    fn a_table_is_decoded_across_small_rooms() {
        let bytes = vec![0x84; 100_000];
        let mut reader = TextReader::new(bytes.as_slice(), TextEncoding::Cp850);
        let (mut all, mut room) = (Vec::new(), [0; 17]);
        loop {
            let read = reader.read(&mut room).unwrap();
            if read == 0 {
                break;
            }
            all.extend_from_slice(&room[..read]);
        }
        assert_eq!(all, "ä".repeat(100_000).into_bytes());
    }
}
