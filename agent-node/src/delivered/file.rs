//! Records in a file: a header that says what they belong to, the records in order, and a checksum over all of it.
//! A file that is damaged or of another make is told apart from one that is not there; neither is read.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Take, Write};
use std::path::Path;

use messages::{JobId, RunId};
use serde::{Deserialize, Serialize};

use super::record::Record;
use crate::disk;

/// Of the form below.
const VERSION: u32 = 1;
/// Of the header line; it holds a name, two digests and fifty runs.
const MAX_HEADER: u64 = 4 * 1024;
/// How many records there are, and the checksum.
const TRAILER: u64 = 12;

/// What the records belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    v: u32,
    pub job_id: JobId,
    /// Digest of the destination's place: what stands there is what the records say.
    pub place: String,
    /// Digest of everything that decides how an item arrives there.
    pub settings: String,
    /// Runs that have delivered, the latest last.
    pub runs: Vec<RunId>,
}

/// A hub knows of the last run but one at the latest when it sends the next; and a header stays a line.
const MOST_RUNS: usize = 50;

impl Header {
    #[must_use]
    pub const fn new(job_id: JobId, place: String, settings: String) -> Self {
        Self { v: VERSION, job_id, place, settings, runs: Vec::new() }
    }

    /// This one after those.
    #[must_use]
    pub fn followed_by(mut runs: Vec<RunId>, run_id: RunId) -> Vec<RunId> {
        runs.retain(|known| *known != run_id);
        runs.push(run_id);
        let surplus = runs.len().saturating_sub(MOST_RUNS);
        runs.split_off(surplus)
    }
}

/// A file that was looked through and found whole.
#[derive(Debug, Clone)]
pub struct Sound {
    pub header: Header,
    pub count: u64,
    begins: u64,
    ends: u64,
}

/// What a look at a file finds.
#[derive(Debug)]
pub enum Look {
    Missing,
    Damaged,
    Sound(Sound),
}

/// Looks through the whole file.
pub fn look(path: &Path) -> io::Result<Look> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Look::Missing),
        opened => opened?,
    };
    let length = file.metadata()?.len();
    let mut from = BufReader::with_capacity(64 * 1024, file);
    let mut line = Vec::new();
    (&mut from).take(MAX_HEADER).read_until(b'\n', &mut line)?;
    let begins = line.len() as u64;
    let header = serde_json::from_slice::<Header>(&line).ok().filter(|header| header.v == VERSION);
    let (Some(header), Some(ends)) = (header, length.checked_sub(TRAILER).filter(|end| *end >= begins))
    else {
        return Ok(Look::Damaged);
    };
    let mut crc = crc32fast::Hasher::new();
    crc.update(&line);
    let mut left = ends - begins;
    while left > 0 {
        let bytes = from.fill_buf()?;
        let count = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if count == 0 {
            return Ok(Look::Damaged);
        }
        crc.update(&bytes[..count]);
        from.consume(count);
        left -= count as u64;
    }
    let (mut count, mut sum) = ([0; 8], [0; 4]);
    from.read_exact(&mut count)?;
    from.read_exact(&mut sum)?;
    crc.update(&count);
    if crc.finalize() != u32::from_le_bytes(sum) {
        return Ok(Look::Damaged);
    }
    Ok(Look::Sound(Sound { header, count: u64::from_le_bytes(count), begins, ends }))
}

/// The records of a sound file, in order.
pub struct Records(BufReader<Take<File>>);

impl Records {
    pub fn open(path: &Path, sound: &Sound) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(sound.begins))?;
        Ok(Self(BufReader::with_capacity(64 * 1024, file.take(sound.ends - sound.begins))))
    }
}

impl Iterator for Records {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        Record::read(&mut self.0).transpose()
    }
}

/// Writes a file. It is whole, and on the disk, once [`Writer::finish`] has returned.
pub struct Writer {
    file: BufWriter<File>,
    crc: crc32fast::Hasher,
    count: u64,
    room: Vec<u8>,
}

impl Writer {
    pub fn create(path: &Path, header: &Header) -> io::Result<Self> {
        let mut file = BufWriter::with_capacity(64 * 1024, disk::create_private(path)?);
        let mut line = serde_json::to_vec(header)?;
        line.push(b'\n');
        let mut crc = crc32fast::Hasher::new();
        crc.update(&line);
        file.write_all(&line)?;
        Ok(Self { file, crc, count: 0, room: Vec::new() })
    }

    pub fn push(&mut self, record: &Record) -> io::Result<()> {
        self.room.clear();
        record.write(&mut self.room)?;
        self.crc.update(&self.room);
        self.count += 1;
        self.file.write_all(&self.room)
    }

    pub fn finish(mut self) -> io::Result<()> {
        let count = self.count.to_le_bytes();
        self.crc.update(&count);
        self.file.write_all(&count)?;
        self.file.write_all(&self.crc.finalize().to_le_bytes())?;
        self.file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::super::record::sample;
    use super::*;

    fn write(path: &Path, count: usize) -> Vec<Record> {
        let header = Header::new(JobId::new(), "place".into(), "settings".into());
        let mut writer = Writer::create(path, &header).unwrap();
        let records: Vec<_> = (0..count)
            .map(|n| Record::of(&sample(&n.to_string(), "1.29", Some("2")), &mut Vec::new()).unwrap())
            .collect();
        for record in &records {
            writer.push(record).unwrap();
        }
        writer.finish().unwrap();
        records
    }

    #[test]
    fn what_was_written_is_found_sound_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        assert!(matches!(look(&path).unwrap(), Look::Missing));
        for count in [0, 1, 5_000] {
            let records = write(&path, count);
            let Look::Sound(sound) = look(&path).unwrap() else { panic!("not sound") };
            assert_eq!((sound.count, sound.header.place.as_str()), (count as u64, "place"));
            let read: Vec<_> = Records::open(&path, &sound).unwrap().map(Result::unwrap).collect();
            assert_eq!(read, records);
        }
    }

    #[test]
    fn a_file_of_another_version_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        write(&path, 3);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, [b"{\"v\":2", &bytes[6..]].concat()).unwrap();
        assert!(matches!(look(&path).unwrap(), Look::Damaged));
    }

    proptest! {
        #[test]
        fn no_damage_goes_unseen(at in 0_usize..1_000, bit in 0_u8..8, cut in 0_usize..1_000) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("state");
            write(&path, 10);
            let bytes = fs::read(&path).unwrap();
            let mut flipped = bytes.clone();
            let at = at % flipped.len();
            flipped[at] ^= 1 << bit;
            fs::write(&path, &flipped).unwrap();
            prop_assert!(matches!(look(&path).unwrap(), Look::Damaged));
            fs::write(&path, &bytes[..cut % bytes.len()]).unwrap();
            prop_assert!(matches!(look(&path).unwrap(), Look::Damaged));
        }
    }
}
