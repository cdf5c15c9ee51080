//! The folder of plugins: each has a folder of its own in it, with its manifest and the schema of its settings.
//! Everything here blocks.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use messages::ErrorCode;
use messages::plugin::{Plugin, PluginKind, Setting};

use super::manifest::{Manifest, SCHEMA_FILE};
use super::schema;
use crate::connector::Failure;

const MANIFEST_FILE: &str = "plugin.toml";
/// Of a manifest or a schema; the largest known schema has some 60 KB.
const MOST_FILE: u64 = 256 * 1024;
/// Folders that are looked at.
const MOST_FOLDERS: usize = 256;

/// What programs end in where a name alone does not say so.
const ENDINGS: [&str; 3] = if cfg!(windows) { ["", ".exe", ".cmd"] } else { [""; 3] };

/// A plugin that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Installed {
    pub(super) manifest: Manifest,
    pub(super) folder: PathBuf,
    settings: Vec<Setting>,
    open: bool,
}

/// What is there, as the hub is told, and what is wrong with the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovery {
    pub plugins: Vec<Plugin>,
    pub faults: Vec<String>,
}

/// Looks through the folder. One that is not there has no plugins.
#[must_use]
pub fn discover(folder: &Path) -> Discovery {
    let (mut found, mut faults) = (Vec::<Plugin>::new(), Vec::new());
    for installed in each(folder) {
        let startable = |installed: Installed| match installed.program() {
            Ok(_) => Ok(installed.told()),
            Err(failure) => Err(failure.detail),
        };
        let plugin = match installed.and_then(startable) {
            Ok(plugin) => plugin,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        if found.iter().any(|other| (other.kind, &other.name) == (plugin.kind, &plugin.name)) {
            faults.push(format!("there are two plugins \"{}\" that do the same", plugin.name));
        } else {
            found.push(plugin);
        }
    }
    found.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    let (plugins, left_out) = bounded(found);
    faults.extend(left_out);
    Discovery { plugins, faults }
}

/// The plugin of this name.
pub(super) fn find(folder: Option<&Path>, kind: PluginKind, name: &str) -> Result<Installed, Failure> {
    let Some(folder) = folder else {
        let detail = "the agent has no folder of plugins; start it with --plugins";
        return Err(Failure::new(ErrorCode::Unsupported, detail));
    };
    let mut broken = None;
    for installed in each(folder) {
        match installed {
            Ok(installed) if (installed.manifest.kind, installed.manifest.name.as_str()) == (kind, name) => {
                return Ok(installed);
            }
            Err(fault) if fault.contains(&format!("\"{name}\"")) => broken = Some(fault),
            _ => {}
        }
    }
    let detail = broken.unwrap_or_else(|| {
        format!("the agent has no plugin \"{name}\" that is a {} in {}", kind.sort(), folder.display())
    });
    Err(Failure::new(ErrorCode::Unsupported, detail))
}

fn each(folder: &Path) -> impl Iterator<Item = Result<Installed, String>> {
    let mut folders: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join(MANIFEST_FILE).is_file())
        .take(MOST_FOLDERS)
        .collect();
    folders.sort();
    folders.into_iter().map(|folder| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        read(folder, &name).map_err(|fault| format!("the plugin \"{name}\" cannot be used: {fault}"))
    })
}

fn read(folder: PathBuf, name: &str) -> Result<Installed, String> {
    let text = |file: &str| match bounded_text(&folder.join(file)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{file}: {error}")),
        Ok(text) => Ok(Some(text)),
    };
    let manifest = Manifest::parse(&text(MANIFEST_FILE)?.unwrap_or_default(), name)
        .map_err(|error| format!("{MANIFEST_FILE}: {error}"))?;
    let (settings, open) = match text(SCHEMA_FILE)? {
        Some(schema) => schema::settings(&schema).map_err(|error| format!("{SCHEMA_FILE}: {error}"))?,
        None => (Vec::new(), true),
    };
    Ok(Installed { manifest, folder, settings, open })
}

fn bounded_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(MOST_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MOST_FILE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has more than 256 KiB"));
    }
    Ok(text)
}

/// As many as fit; first those explain themselves less that say the most.
fn bounded(mut plugins: Vec<Plugin>) -> (Vec<Plugin>, Vec<String>) {
    let size = |plugins: &[Plugin]| serde_json::to_string(plugins).map_or(usize::MAX, |text| text.len());
    let mut left_out = Vec::new();
    let mut full = |plugins: &mut Vec<Plugin>| {
        if let Some(plugin) = plugins.pop() {
            left_out.push(format!("the plugin \"{}\" is not told of: there are too many", plugin.name));
        }
    };
    while plugins.len() > Plugin::MOST {
        full(&mut plugins);
    }
    if size(&plugins) > Plugin::MOST_BYTES {
        plugins.iter_mut().flat_map(|plugin| &mut plugin.settings).for_each(|setting| setting.help.clear());
    }
    while size(&plugins) > Plugin::MOST_BYTES {
        full(&mut plugins);
    }
    (plugins, left_out)
}

impl Installed {
    /// As the hub is told.
    pub(super) fn told(&self) -> Plugin {
        let short =
            |text: &str, most: usize| text.chars().filter(|c| !c.is_control()).take(most).collect::<String>();
        Plugin {
            name: self.manifest.name.clone(),
            kind: self.manifest.kind,
            version: short(&self.manifest.version, 64),
            about: short(&self.manifest.about, Plugin::MAX_TEXT),
            settings: self.settings.clone(),
            open: self.open,
        }
    }

    /// Where its program is.
    pub(super) fn program(&self) -> Result<PathBuf, Failure> {
        let command = Path::new(&self.manifest.command);
        let found = if command.components().count() > 1 {
            // An absolute path stays what it is.
            Some(self.folder.join(command))
        } else {
            let path = std::env::var_os("PATH").unwrap_or_else(|| crate::connector::process::PATH.into());
            std::env::split_paths(&path)
                .flat_map(|folder| {
                    ENDINGS.map(|ending| folder.join(format!("{}{ending}", self.manifest.command)))
                })
                .find(|path| path.is_file())
        };
        let missing = |why: &str| {
            let detail = format!(
                "the program {} of the plugin \"{}\" {why}",
                self.manifest.command, self.manifest.name
            );
            Failure::new(ErrorCode::Unsupported, detail)
        };
        let found = found.ok_or_else(|| missing("is nowhere on the path"))?;
        let metadata =
            fs::metadata(&found).map_err(|error| missing(&format!("cannot be started: {error}")))?;
        if !metadata.is_file() {
            return Err(missing("is no file"));
        }
        #[cfg(unix)]
        if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 == 0 {
            return Err(missing("is not executable"));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use messages::validate::Validate as _;

    use super::*;

    fn plugin(folder: &Path, name: &str, manifest: &str, schema: Option<&str>) {
        let own = folder.join(name);
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join(MANIFEST_FILE), manifest).unwrap();
        if let Some(schema) = schema {
            fs::write(own.join(SCHEMA_FILE), schema).unwrap();
        }
    }

    #[test]
    fn what_is_there_is_found_and_what_is_wrong_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        assert_eq!(discover(&at.join("none")), Discovery::default());
        plugin(at, "target-b", "kind = \"target\"\ncommand = \"sh\"", None);
        let schema = r#"{"properties": {"host": {"type": "string"}}, "additionalProperties": false}"#;
        plugin(at, "tap-a", "kind = \"tap\"\ncommand = \"/bin/sh\"\nversion = \"2\"", Some(schema));
        plugin(at, "tap-a2", "name = \"tap-a\"\nkind = \"tap\"\ncommand = \"sh\"", None);
        plugin(at, "broken", "kind = 7", None);
        plugin(at, "gone", "kind = \"tap\"\ncommand = \"./gone\"", None);
        plugin(at, "odd", "kind = \"tap\"\ncommand = \"a\"", Some("[]"));
        fs::write(at.join("a file"), "").unwrap();
        let Discovery { plugins, faults } = discover(at);
        let names: Vec<_> = plugins.iter().map(|p| (p.name.as_str(), p.kind, p.open)).collect();
        assert_eq!(names, [("tap-a", PluginKind::Tap, false), ("target-b", PluginKind::Target, true)]);
        assert_eq!((plugins[0].version.as_str(), plugins[0].settings[0].name.as_str()), ("2", "host"));
        assert_eq!(faults.len(), 4, "{faults:?}");
        for (fault, part) in
            faults.iter().zip(["\"broken\" cannot be used: plugin.toml", "./gone", "settings.json", "two"])
        {
            assert!(fault.contains(part), "{fault}");
        }
        assert!(find(Some(at), PluginKind::Tap, "tap-a").is_ok());
        for (kind, name, part) in [
            (PluginKind::Target, "tap-a", "no plugin \"tap-a\" that is a destination"),
            (PluginKind::Tap, "broken", "cannot be used"),
        ] {
            let failure = find(Some(at), kind, name).unwrap_err();
            assert!(failure.detail.contains(part) && !failure.code.retry_helps(), "{failure}");
        }
        assert!(find(None, PluginKind::Tap, "tap-a").unwrap_err().detail.contains("--plugins"));
    }

    #[test]
    fn a_program_is_a_file_that_can_be_started() {
        let folder = tempfile::tempdir().unwrap();
        let program = |command: &str| {
            plugin(folder.path(), "p", &format!("kind = \"tap\"\ncommand = \"{command}\""), None);
            find(Some(folder.path()), PluginKind::Tap, "p").unwrap().program()
        };
        fs::create_dir_all(folder.path().join("p")).unwrap();
        fs::write(folder.path().join("p/plain"), "").unwrap();
        assert!(program("sh").unwrap().is_absolute());
        assert!(program("/bin/sh").is_ok());
        for (command, part) in [
            ("./none", "cannot be started"),
            ("nowhere-to-be-found", "nowhere on the path"),
            ("./plain", "not executable"),
            ("/tmp", "is no file"),
        ] {
            let failure = program(command).unwrap_err();
            assert!(failure.detail.contains(part), "{failure}");
        }
    }

    #[test]
    fn the_hub_takes_what_is_told_whatever_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let long = "x".repeat(300);
        let properties: Vec<_> = (0..60)
            .map(|n| {
                format!(r#""setting_{n}": {{"type": "string", "title": "{long}", "description": "{long}"}}"#)
            })
            .collect();
        let schema = format!(r#"{{"properties": {{{}}}}}"#, properties.join(","));
        for n in 0..40 {
            let schema = (n < 3).then_some(schema.as_str());
            plugin(folder.path(), &format!("tap-{n:02}"), "kind = \"tap\"\ncommand = \"sh\"", schema);
        }
        let Discovery { plugins, faults } = discover(folder.path());
        assert!(!plugins.is_empty() && !faults.is_empty());
        let machine = messages::http::agents::Machine {
            plugins,
            ..crate::machine::describe(crate::machine::Has::default())
        };
        machine.validate().unwrap();
    }
}
