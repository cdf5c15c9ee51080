//! Cuts the linked program where its source says so (`#[wasm_split(name)]`): the first module, which starts the console,
//! and modules that it loads when it needs them. They share memory and function table; nothing stands twice.
//!
//! Works on files, because the library does. The linker must have left its relocations in (`LINK_ARGUMENT`), for they
//! tell what calls what.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use wasm_split_cli_support::{Options, transform};

use super::page::{GLUE, LINK};

/// What the linker is told, so that the program can be cut.
pub(super) const LINK_ARGUMENT: &str = "-Clink-arg=--emit-relocs";

/// The program in parts.
pub(super) struct Split {
    /// For wasm-bindgen.
    pub(super) first: PathBuf,
    /// JavaScript that loads the others; the glue imports it.
    pub(super) link: Vec<u8>,
    /// By the name under which `link` asks for them.
    pub(super) later: Vec<(String, Vec<u8>)>,
}

/// Cuts `program`; the parts are left in `folder`, which must be free for it.
pub(super) fn split(program: &Path, folder: &Path) -> Result<Split> {
    let bytes = std::fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    let first = folder.join("first.wasm");
    let (link_name, main_module) = (format!("./{LINK}"), format!("./{GLUE}"));
    let mut options = Options::new(&bytes);
    options.output_dir = folder;
    options.main_out_path = &first;
    options.link_name = &link_name;
    options.main_module = &main_module;
    let made = transform(options).map_err(|error| anyhow!("cannot cut {}: {error:#}", program.display()))?;
    let later = made.split_modules.iter().map(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).context("a module without a name")?;
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok((name.to_owned(), without_custom_sections(&bytes)?))
    });
    let later = later.collect::<Result<_>>()?;
    let link =
        std::fs::read(folder.join(LINK)).context("the program has been cut, but nothing loads its parts")?;
    Ok(Split { first, link, later })
}

/// A module without names and the like, which only debuggers read. wasm-bindgen does this for the first module.
fn without_custom_sections(module: &[u8]) -> Result<Vec<u8>> {
    const HEADER: usize = 8;
    const CUSTOM: u8 = 0;
    let Some((header, mut rest)) =
        module.split_at_checked(HEADER).filter(|(header, _)| header.starts_with(b"\0asm"))
    else {
        bail!("this is no WebAssembly module");
    };
    let mut kept = header.to_vec();
    while let Some((&kind, after)) = rest.split_first() {
        let (length, digits) = number(after).context("a section of a module has no length")?;
        let whole = 1 + digits + length;
        let section = rest.get(..whole).context("a module ends in the middle of a section")?;
        if kind != CUSTOM {
            kept.extend_from_slice(section);
        }
        rest = &rest[whole..];
    }
    Ok(kept)
}

/// A number in LEB128, and how many bytes it takes.
fn number(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_usize;
    for (place, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, place + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn only_custom_sections_go() {
        let types = b"\x01\x04\x01\x60\0\0";
        let name = b"\0\x05\x04name";
        let long_length = b"\0\x86\0\x05hello";
        let module = [EMPTY, name, types, long_length].concat();
        assert_eq!(without_custom_sections(&module).unwrap(), [EMPTY, types].concat());
        assert_eq!(without_custom_sections(EMPTY).unwrap(), EMPTY);
    }

    #[test]
    fn what_is_no_module_or_half_of_one_is_refused() {
        for bytes in
            [&b""[..], b"\0asm", b"hello hello", b"\0asm\x01\0\0\0\x01\x09\x00", b"\0asm\x01\0\0\0\x01\x80"]
        {
            assert!(without_custom_sections(bytes).is_err(), "{bytes:?}");
        }
    }
}
