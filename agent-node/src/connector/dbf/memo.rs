//! The file of long texts beside a table: `.dbt` of dBase, `.fpt` of FoxPro.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// Of a text; a description has far less.
const MOST: usize = 64 * 1024;
/// Of dBase, which does not say it.
const USUAL_BLOCK: u64 = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Up to the first end-of-file mark.
    Dbase3,
    /// With its length, low byte first, itself included.
    Dbase4,
    /// With its length, high byte first.
    FoxPro,
}

/// See the module.
pub(super) struct Memos {
    file: File,
    form: Form,
    block: u64,
}

impl Memos {
    /// Opens what lies beside the table; none when there is nothing.
    pub(super) fn beside(table: &Path, version: u8) -> io::Result<Option<Self>> {
        let foxpro = matches!(version, 0x30..=0x32 | 0xF5 | 0xFB);
        let Some(path) = companion(table, if foxpro { "fpt" } else { "dbt" })? else { return Ok(None) };
        let mut file = File::open(path)?;
        let mut head = [0; 24];
        file.read_exact(&mut head)?;
        let (form, block) = match version {
            _ if foxpro => (Form::FoxPro, u64::from(u16::from_be_bytes([head[6], head[7]]))),
            0x8B | 0xCB => (Form::Dbase4, u64::from(u16::from_le_bytes([head[20], head[21]]))),
            _ => (Form::Dbase3, USUAL_BLOCK),
        };
        Ok(Some(Self { file, form, block: if block == 0 { USUAL_BLOCK } else { block } }))
    }

    /// The text in a block; the error is for people.
    pub(super) fn read(&mut self, block: u32) -> Result<Vec<u8>, String> {
        let unreadable =
            |error: io::Error| format!("its text could not be read from the file of memos: {error}");
        self.file.seek(SeekFrom::Start(u64::from(block) * self.block)).map_err(unreadable)?;
        let length = match self.form {
            Form::Dbase3 => None,
            Form::Dbase4 | Form::FoxPro => {
                let mut head = [0; 8];
                self.file.read_exact(&mut head).map_err(unreadable)?;
                let [.., a, b, c, d] = head;
                Some(if self.form == Form::FoxPro {
                    u32::from_be_bytes([a, b, c, d])
                } else {
                    u32::from_le_bytes([a, b, c, d]).saturating_sub(8)
                })
            }
        };
        let most = length.map_or(MOST, |length| usize::try_from(length).unwrap_or(usize::MAX));
        if most > MOST {
            return Err(format!("has a text of more than {MOST} bytes"));
        }
        let mut text = Vec::new();
        (&mut self.file).take(most as u64).read_to_end(&mut text).map_err(unreadable)?;
        match length {
            Some(length) if text.len() < length as usize => Err("its text is cut off".to_owned()),
            Some(_) => Ok(text),
            None => {
                let end = text.iter().position(|byte| *byte == 0x1A);
                text.truncate(end.unwrap_or(text.len()));
                Ok(text)
            }
        }
    }
}

/// A file of the same name with another ending, in whatever case that is written.
fn companion(table: &Path, ending: &str) -> io::Result<Option<PathBuf>> {
    let folder = table.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let stem = table.file_stem().unwrap_or_default();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let same = path.file_stem().is_some_and(|other| other.eq_ignore_ascii_case(stem));
        if same && path.extension().is_some_and(|other| other.eq_ignore_ascii_case(ending)) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
