//! Compresses the console's files ahead of time, so that the hub never does.
//! Pure: files in, files with their compressed forms out.

use std::io::Write;

use anyhow::{Context, Result, anyhow};
use brotli::enc::BrotliEncoderParams;
use flate2::{Compression, write::GzEncoder};

use super::Mode;
use super::page::Asset;

/// Formats that get smaller; fonts and pictures are compressed already.
const COMPRESSIBLE: &[&str] = &["html", "css", "js", "wasm", "svg", "json", "webmanifest", "txt"];

/// A file with its compressed forms.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) name: String,
    pub(super) raw: Vec<u8>,
    brotli: Option<Vec<u8>>,
    gzip: Option<Vec<u8>>,
}

impl Packed {
    /// What a current browser loads.
    pub(super) fn on_the_wire(&self) -> u64 {
        self.brotli.as_ref().unwrap_or(&self.raw).len() as u64
    }

    /// Each form with what its file name has at the end.
    pub(super) fn variants(&self) -> impl Iterator<Item = (&'static str, &Vec<u8>)> {
        [("", Some(&self.raw)), (".br", self.brotli.as_ref()), (".gz", self.gzip.as_ref())]
            .into_iter()
            .filter_map(|(suffix, bytes)| Some((suffix, bytes?)))
    }
}

/// Compresses all files, each on a thread of its own: there are few, and one of them takes most of the time.
pub(super) fn pack(assets: Vec<Asset>, mode: Mode) -> Result<Vec<Packed>> {
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            assets.into_iter().map(|asset| scope.spawn(move || pack_one(asset, mode))).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().map_err(|_| anyhow!("a compressor ended early"))?)
            .collect()
    })
}

fn pack_one(asset: Asset, mode: Mode) -> Result<Packed> {
    let Asset { name, bytes: raw } = asset;
    let compressible = name.rsplit_once('.').is_some_and(|(_, extension)| COMPRESSIBLE.contains(&extension));
    let (mut brotli, mut gzip) = (None, None);
    if compressible {
        let level = if mode == Mode::Release { Compression::best() } else { Compression::fast() };
        // A handful of bytes can grow; then the plain form is the best one.
        let smaller = |packed: Vec<u8>| Some(packed).filter(|packed| packed.len() < raw.len());
        gzip = smaller(gzipped(&raw, level)?);
        if mode == Mode::Release {
            brotli = smaller(brotlied(&raw).with_context(|| format!("cannot compress {name}"))?);
        }
    }
    Ok(Packed { name, raw, brotli, gzip })
}

fn brotlied(raw: &[u8]) -> Result<Vec<u8>> {
    let parameters =
        BrotliEncoderParams { quality: 11, size_hint: raw.len(), ..BrotliEncoderParams::default() };
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut &raw[..], &mut packed, &parameters)?;
    Ok(packed)
}

fn gzipped(raw: &[u8], level: Compression) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(raw)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn packed(name: &str, mode: Mode) -> Packed {
        let bytes = b"hello hello hello hello hello hello".to_vec();
        pack(vec![Asset { name: name.to_owned(), bytes }], mode).unwrap().remove(0)
    }

    #[test]
    fn compressed_forms_hold_the_same_bytes() {
        let file = packed("a.js", Mode::Release);
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&file.gzip.as_ref().unwrap()[..]).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, file.raw);
        plain.clear();
        brotli::Decompressor::new(&file.brotli.as_ref().unwrap()[..], 4096).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, file.raw);
        assert!(file.on_the_wire() < file.raw.len() as u64);
    }

    #[test]
    fn only_what_shrinks_is_compressed_and_brotli_waits_for_release() {
        let suffixes = |file: &Packed| file.variants().map(|(suffix, _)| suffix).collect::<Vec<_>>();
        assert_eq!(suffixes(&packed("a.css", Mode::Release)), ["", ".br", ".gz"]);
        assert_eq!(suffixes(&packed("a.css", Mode::Dev)), ["", ".gz"]);
        assert_eq!(suffixes(&packed("a.woff2", Mode::Release)), [""]);
        let tiny =
            pack(vec![Asset { name: "a.svg".to_owned(), bytes: b"<svg/>".to_vec() }], Mode::Release).unwrap();
        assert_eq!(suffixes(&tiny[0]), [""]);
    }
}
