//! The agent for Windows: one archive with the program, its readers and what one has to know.
//! The same program gives the same archive, byte by byte.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use zip::write::SimpleFileOptions;

use super::{Packing, READERS};

const FIRST_STEPS: &str = "\
GrocerySync agent for Windows

1. Put this folder where only administrators can write, such as C:\\Program Files\\GrocerySync.
2. Open a console as administrator, go to that folder, and install the service:
       agent-node service install
3. Enrol it with the line that the console shows:
       agent-node enrol --hub URL --token TOKEN
4. Start it, and look whether all is well:
       agent-node service start
       agent-node check

grocerysync-odbc.exe and grocerysync-firebird.exe read databases for the agent; leave them beside it.

Settings: agent.toml in C:\\ProgramData\\GrocerySync\\Agent, of which the one here is a sample.
Log:      C:\\ProgramData\\GrocerySync\\Agent\\log\\agent.log
Update:   agent-node service stop, replace the three programs, agent-node service start
Remove:   agent-node service uninstall
";

/// Builds the archive; says where it is.
pub(super) fn build(packing: &Packing<'_>, program: &Path) -> Result<PathBuf> {
    let name = format!("grocerysync-agent-{}-windows-x86_64", packing.version);
    let path = packing.dist.join(format!("{name}.zip"));
    let bytes = std::fs::read(program).with_context(|| format!("cannot pack {}", program.display()))?;
    let licence = |name: &str| std::fs::read(packing.repo.root.join(name));
    let mut files = vec![
        ("agent-node.exe".to_owned(), bytes),
        ("README.txt".to_owned(), for_windows(FIRST_STEPS)),
        ("agent.toml".to_owned(), for_windows(include_str!("agent.toml"))),
        ("LICENSE-APACHE.txt".to_owned(), licence("LICENSE-APACHE")?),
        ("LICENSE-MIT.txt".to_owned(), licence("LICENSE-MIT")?),
    ];
    for reader in READERS.map(|name| format!("{name}.exe")) {
        let file = program.with_file_name(&reader);
        let bytes = std::fs::read(&file).with_context(|| format!("cannot pack {}", file.display()))?;
        files.push((reader, bytes));
    }
    let mut archive = zip::ZipWriter::new(File::create(&path)?);
    // The crate's default time is the format's first day, and not that of packing.
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default());
    for (file, bytes) in files {
        archive.start_file(format!("{name}/{file}"), options)?;
        archive.write_all(&bytes)?;
    }
    archive.finish()?.sync_all()?;
    Ok(path)
}

/// Lines as every editor of Windows shows them.
fn for_windows(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::repo::Repo;

    #[test]
    fn the_archive_is_the_same_each_time_and_holds_one_folder() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("agent-node.exe");
        for name in ["agent-node", "grocerysync-odbc", "grocerysync-firebird"] {
            std::fs::write(program.with_file_name(format!("{name}.exe")), b"MZ").unwrap();
        }
        let repo = Repo::find().unwrap();
        let dist = folder.path().to_owned();
        let packing = Packing { repo: &repo, dist, version: "9.8.7", epoch: 0, packed_by: "" };
        let first = std::fs::read(build(&packing, &program).unwrap()).unwrap();
        let path = build(&packing, &program).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first);
        let mut archive = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
        let names: Vec<_> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
        assert_eq!(names.len(), 7);
        assert!(
            names.iter().all(|name| name.starts_with("grocerysync-agent-9.8.7-windows-x86_64/")),
            "{names:?}"
        );
        let mut text = String::new();
        let readme = "grocerysync-agent-9.8.7-windows-x86_64/README.txt";
        archive.by_name(readme).unwrap().read_to_string(&mut text).unwrap();
        assert!(text.contains("agent-node service install\r\n"), "{text}");
    }
}
