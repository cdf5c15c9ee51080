//! What is to be installed: which program, on which folder, under which name, as whom.
//! Pure: paths and texts in, a checked plan out.

use std::path::{Path, PathBuf};

/// Of the service, on both systems.
pub const DEFAULT_NAME: &str = "grocerysync-agent";
/// What people see in a list of services.
pub const TITLE: &str = "GrocerySync agent";
/// Longer names are cut by tools that list services.
const MOST_NAME: usize = 64;

/// A service to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub name: String,
    /// This program, by its full path.
    pub program: PathBuf,
    pub data_dir: PathBuf,
    pub config: Option<PathBuf>,
    /// Besides the data folder, what the agent may write to.
    pub writes: Vec<PathBuf>,
}

/// Why a plan cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error(
        "\"{0}\" cannot be the name of a service; use up to {MOST_NAME} letters, digits, hyphens and underscores"
    )]
    Name(String),
    #[error(
        "\"{0}\" cannot be the name of a user; use small letters, digits, hyphens and underscores, 32 at most"
    )]
    User(String),
    #[error("{} must be a full path, from the root on", .0.display())]
    Relative(PathBuf),
    #[error("{} has a character that the service's settings cannot carry; choose a path without it", .0.display())]
    Path(PathBuf),
}

/// Names that both systems, their tools and a shell take without quoting.
pub fn name(text: &str) -> Result<String, PlanError> {
    let sound = (1..=MOST_NAME).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if sound { Ok(text.to_owned()) } else { Err(PlanError::Name(text.to_owned())) }
}

/// Names that `useradd` takes.
pub fn user(text: &str) -> Result<String, PlanError> {
    let sound = (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
    if sound { Ok(text.to_owned()) } else { Err(PlanError::User(text.to_owned())) }
}

impl Plan {
    /// Every path it names.
    fn paths(&self) -> impl Iterator<Item = &Path> {
        let main = [&self.program, &self.data_dir];
        main.into_iter().chain(&self.config).chain(&self.writes).map(PathBuf::as_path)
    }

    /// Refuses paths that would mean something else where they are written down.
    pub fn check(&self) -> Result<(), PlanError> {
        for path in self.paths() {
            if !path.is_absolute() {
                return Err(PlanError::Relative(path.to_owned()));
            }
            let text = path.to_str().ok_or_else(|| PlanError::Path(path.to_owned()))?;
            // What systemd and Windows' manager of services would put something else for.
            let special: &[char] = if cfg!(windows) { &['"', '%'] } else { &['"', '\\', '$'] };
            let odd = |c: char| c.is_control() || special.contains(&c);
            if text.contains(odd) || text.trim() != text {
                return Err(PlanError::Path(path.to_owned()));
            }
        }
        Ok(())
    }

    /// Which folder and settings the program is started with, behind its command.
    #[must_use]
    pub fn place(&self) -> Vec<String> {
        let mut words = vec!["--data-dir".to_owned(), self.data_dir.to_string_lossy().into_owned()];
        if let Some(config) = &self.config {
            words.extend(["--config".to_owned(), config.to_string_lossy().into_owned()]);
        }
        words
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn plan(data_dir: &str) -> Plan {
        Plan {
            name: DEFAULT_NAME.into(),
            program: "/usr/bin/agent-node".into(),
            data_dir: data_dir.into(),
            config: None,
            writes: Vec::new(),
        }
    }

    #[test]
    fn names_of_services_and_users() {
        for sound in ["grocerysync-agent", "a", "Till_2", &"x".repeat(64)] {
            assert_eq!(name(sound).as_deref(), Ok(sound));
        }
        for wrong in ["", "-a", "a b", "a/b", "a@1", "ä", "a.service", "a\n", &"x".repeat(65)] {
            assert_eq!(name(wrong), Err(PlanError::Name(wrong.into())));
        }
        assert_eq!(user("grocerysync").as_deref(), Ok("grocerysync"));
        for wrong in ["", "Root", "0", "a b", "a:b", "-r", &"x".repeat(33)] {
            assert_eq!(user(wrong), Err(PlanError::User(wrong.into())));
        }
    }

    #[test]
    fn paths_that_mean_what_they_say() {
        for sound in ["/var/lib/grocerysync-agent", "/srv/50% off", "/srv/Käse (alt)", "/home/joe's"] {
            assert_eq!(plan(sound).check(), Ok(()), "{sound}");
        }
        assert_eq!(plan("data").check(), Err(PlanError::Relative("data".into())));
        for wrong in ["/a\nExecStart=/bin/sh", "/a\"b", "/a$HOME", "/a\\x20b", "/a ", "/a\t"] {
            assert_eq!(plan(wrong).check(), Err(PlanError::Path(wrong.into())), "{wrong:?}");
        }
        let named = Plan { writes: vec!["pos".into()], ..plan("/a") };
        assert_eq!(named.check(), Err(PlanError::Relative("pos".into())));
    }

    #[test]
    fn the_program_is_told_its_folder_and_settings() {
        assert_eq!(plan("/a b").place(), ["--data-dir", "/a b"]);
        let named = Plan { config: Some("/etc/agent.toml".into()), ..plan("/a") };
        assert_eq!(named.place(), ["--data-dir", "/a", "--config", "/etc/agent.toml"]);
    }
}
