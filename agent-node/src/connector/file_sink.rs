//! Items into a file, wherever that is: forms the lines, hands them over in large pieces. Shared by all file
//! destinations, which bring a [`FileTarget`] each; knows neither disks nor servers.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use messages::ErrorCode;
use messages::connector::FileFormat;

use super::file_format::ItemWriter;
use super::{Answer, Failure, ItemSink, Numbered, Receipt};

/// Handed over at once: large enough that disk and line are asked seldom, small enough to hold a few of.
pub(super) const CHUNK: usize = 256 * 1024;

/// A file that is being written beside its final name.
pub(super) trait FileTarget: Send {
    /// Takes bytes, or most of them; returns a buffer to go on in, which begins with what was not taken.
    /// They may still be on their way when this returns.
    fn append(&mut self, chunk: Vec<u8>) -> Answer<'_, Vec<u8>>;

    /// Takes the last bytes and gives the file its name. `bytes` is its whole length.
    fn complete(&mut self, rest: Vec<u8>, bytes: u64) -> Answer<'_, Receipt>;

    /// Takes everything back.
    fn discard(&mut self) -> BoxFuture<'_, ()>;
}

pub(super) struct FileSink<T> {
    target: T,
    writer: ItemWriter,
    /// Handed over; what is in the writer comes on top.
    taken: u64,
}

impl<T: FileTarget> FileSink<T> {
    pub(super) fn new(target: T, format: FileFormat) -> Self {
        Self { target, writer: ItemWriter::new(format), taken: 0 }
    }

    fn bytes(&self) -> u64 {
        self.taken + self.writer.len() as u64
    }
}

impl<T: FileTarget> ItemSink for FileSink<T> {
    fn write<'a>(&'a mut self, rows: &'a [Numbered]) -> Answer<'a, u64> {
        async move {
            for Numbered { item, .. } in rows {
                let pushed = self.writer.push(item);
                pushed.map_err(|error| {
                    Failure::new(ErrorCode::Internal, format!("an item could not be written: {error}"))
                })?;
                if self.writer.len() >= CHUNK {
                    let chunk = self.writer.take();
                    let length = chunk.len();
                    let rest = self.target.append(chunk).await?;
                    self.taken += (length - rest.len()) as u64;
                    self.writer.go_on_in(rest);
                }
            }
            Ok(self.bytes())
        }
        .boxed()
    }

    fn finish(&mut self) -> Answer<'_, Receipt> {
        let bytes = self.bytes();
        let rest = self.writer.take();
        self.target.complete(rest, bytes)
    }

    fn abort(&mut self) -> BoxFuture<'_, ()> {
        self.target.discard()
    }
}
