//! How a record lies in a segment: length, checksum, kind, payload. Pure: bytes in, records out.
//!
//! A record that does not add up is where the file ends: the machine went down while it was written.

/// Larger records are refused when written and taken for damage when read. The longest fact is a
/// rejected row: a reason, and [`messages::run::Reject::MAX_RAW`] characters of text.
pub const MAX_PAYLOAD: usize = 64 * 1024;

const HEADER: usize = 9;

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record<'a> {
    /// JSON of a report without its number, which follows from its place.
    Fact(&'a [u8]),
    /// The hub has every report up to this number.
    Acked(u64),
}

/// Appends a record; false when it is too large.
pub fn write(out: &mut Vec<u8>, record: Record<'_>) -> bool {
    match record {
        Record::Fact(payload) => write_raw(out, 1, payload),
        Record::Acked(through) => write_raw(out, 2, &through.to_le_bytes()),
    }
}

fn write_raw(out: &mut Vec<u8>, kind: u8, payload: &[u8]) -> bool {
    let Some(length) = u32::try_from(payload.len()).ok().filter(|_| payload.len() <= MAX_PAYLOAD) else {
        return false;
    };
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(kind, payload).to_le_bytes());
    out.push(kind);
    out.extend_from_slice(payload);
    true
}

fn checksum(kind: u8, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&[kind]);
    crc.update(payload);
    crc.finalize()
}

/// The first record of `bytes` and its length, or nothing where no whole, sound record begins.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<(Record<'_>, usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let (&kind, rest) = rest.split_first()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|n| *n <= MAX_PAYLOAD)?;
    let payload = rest.get(..length)?;
    if checksum(kind, payload) != u32::from_le_bytes(*sum) {
        return None;
    }
    let record = match kind {
        1 => Record::Fact(payload),
        2 => Record::Acked(u64::from_le_bytes(payload.try_into().ok()?)),
        _ => return None,
    };
    Some((record, HEADER + length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn too_large_a_record_is_not_written() {
        let mut out = Vec::new();
        assert!(!write(&mut out, Record::Fact(&vec![0; MAX_PAYLOAD + 1])));
        assert!(out.is_empty());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_shorter(payload in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
            let mut out = Vec::new();
            prop_assert!(write(&mut out, Record::Fact(&payload)));
            prop_assert_eq!(read(&out), Some((Record::Fact(&payload), out.len())));
            let cut = cut.min(out.len() - 1);
            prop_assert_eq!(read(&out[..cut]), None);
        }

        #[test]
        fn a_flipped_bit_is_seen(payload in prop::collection::vec(any::<u8>(), 1..100), at in 0_usize..1_000, bit in 0_u8..8) {
            let mut out = Vec::new();
            write(&mut out, Record::Fact(&payload));
            let at = at % out.len();
            out[at] ^= 1 << bit;
            prop_assert_eq!(read(&out), None);
        }
    }
}
