//! The parts of a workbook: found in the directory of the zip file, unpacked while they are read.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Take};
use std::path::Path;

use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

/// What small parts (the list of sheets, the styles) may have unpacked.
const MOST_SMALL: u64 = 8 * 1024 * 1024;
/// A zip file that says more of its parts is no workbook.
const MOST_PARTS: usize = 10_000;

/// A workbook whose directory was read.
pub(super) struct Parts {
    archive: ZipArchive<BufReader<File>>,
}

/// A part that is being read.
pub(super) enum Part {
    Stored(BufReader<Take<File>>),
    Deflated(Box<DeflateDecoder<BufReader<Take<File>>>>),
}

impl Part {
    /// Packed bytes that are still to come.
    pub(super) fn left(&self) -> u64 {
        match self {
            Self::Stored(input) => input.get_ref().limit(),
            Self::Deflated(input) => input.get_ref().get_ref().limit(),
        }
    }
}

impl Read for Part {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stored(input) => input.read(out),
            Self::Deflated(input) => input.read(out),
        }
    }
}

impl Parts {
    /// The error is for people.
    pub(super) fn open(path: &Path) -> Result<io::Result<Self>, String> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        };
        let mut beginning = [0; 8];
        let known = match file.read(&mut beginning).and_then(|read| file.rewind().map(|()| read)) {
            Ok(read) => &beginning[..read],
            Err(error) => return Ok(Err(error)),
        };
        if known.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
            let what = "it is an old workbook (.xls), or one that is protected by a password; save it as .xlsx without one";
            return Err(what.to_owned());
        }
        if !known.starts_with(b"PK") {
            return Err("it is no Excel workbook (.xlsx)".to_owned());
        }
        let archive = ZipArchive::new(BufReader::new(file))
            .map_err(|error| format!("the workbook is damaged, or was not written to its end: {error}"))?;
        if archive.len() > MOST_PARTS {
            return Err("it has more parts than a workbook has".to_owned());
        }
        Ok(Ok(Self { archive }))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.archive.index_for_name(name).is_some()
    }

    /// A small part as a whole.
    pub(super) fn whole(&mut self, name: &str) -> Result<String, String> {
        let part =
            self.archive.by_name(name).map_err(|error| format!("the workbook has no {name}: {error}"))?;
        let mut bytes = Vec::new();
        part.take(MOST_SMALL + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| format!("{name} of the workbook cannot be unpacked: {error}"))?;
        if bytes.len() as u64 > MOST_SMALL {
            return Err(format!("{name} of the workbook has more than {MOST_SMALL} bytes"));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A part to be read from its beginning. It has a file of its own, so that several can be read at once.
    pub(super) fn part(&mut self, path: &Path, name: &str) -> Result<Part, String> {
        let missing = |what: &dyn std::fmt::Display| format!("{name} of the workbook cannot be read: {what}");
        let index = self.archive.index_for_name(name).ok_or_else(|| missing(&"it is not there"))?;
        let (start, length, method) = {
            let found = self.archive.by_index_raw(index).map_err(|error| missing(&error))?;
            (found.data_start(), found.compressed_size(), found.compression())
        };
        let start = start.ok_or_else(|| missing(&"its place is not known"))?;
        let mut file = File::open(path).map_err(|error| missing(&error))?;
        file.seek(SeekFrom::Start(start)).map_err(|error| missing(&error))?;
        let input = BufReader::with_capacity(64 * 1024, file.take(length));
        match method {
            CompressionMethod::Stored => Ok(Part::Stored(input)),
            CompressionMethod::Deflated => Ok(Part::Deflated(Box::new(DeflateDecoder::new(input)))),
            other => Err(missing(&format!("it is packed by {other}"))),
        }
    }
}
