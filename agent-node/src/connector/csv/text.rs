//! Bytes of a file as UTF-8, whatever its encoding. What cannot be decoded becomes U+FFFD, which no point of
//! sale writes on purpose; the row reader refuses it, so that the place is told.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder};
use messages::connector::TextEncoding;

/// Bytes asked of the file at once.
const CHUNK: usize = 64 * 1024;

/// See the module.
pub struct TextReader<R> {
    input: R,
    /// None passes bytes through: UTF-8 is checked field by field, which is cheaper and knows the place.
    decoder: Option<Decoder>,
    chunk: Vec<u8>,
    at: usize,
    end: usize,
    finished: bool,
    bytes_read: u64,
    last_byte: Option<u8>,
    started: bool,
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
        TextEncoding::Windows1252 => "windows1252",
    }
}

impl<R: Read> TextReader<R> {
    pub fn new(input: R, encoding: TextEncoding) -> Self {
        let decoder = match encoding {
            TextEncoding::Utf8 => None,
            TextEncoding::Utf16Le => Some(encoding_rs::UTF_16LE.new_decoder_with_bom_removal()),
            TextEncoding::Utf16Be => Some(encoding_rs::UTF_16BE.new_decoder_with_bom_removal()),
            TextEncoding::Windows1252 => Some(encoding_rs::WINDOWS_1252.new_decoder_without_bom_handling()),
        };
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
        if !self.started && self.decoder.is_none() && self.chunk[..read].starts_with(&[0xEF, 0xBB, 0xBF]) {
            self.at = 3;
        }
        self.started = true;
        Ok(())
    }

    fn decode(&mut self, out: &mut [u8]) -> usize {
        let rest = &self.chunk[self.at..self.end];
        let Some(decoder) = &mut self.decoder else {
            let length = rest.len().min(out.len());
            out[..length].copy_from_slice(&rest[..length]);
            self.at += length;
            return length;
        };
        let (result, read, written, _) = decoder.decode_to_utf8(rest, out, self.finished);
        self.at += read;
        if self.finished && result == CoderResult::InputEmpty {
            // A decoder that has seen the end may not be asked again.
            self.decoder = None;
        }
        written
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
            if self.finished && self.decoder.is_none() {
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
