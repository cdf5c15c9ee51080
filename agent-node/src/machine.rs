//! What the agent says of the machine it runs on.

use messages::http::agents::Machine;
use messages::plugin::Plugin;

/// What lies about on the machine and may change while the agent runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Has {
    pub plugins: Vec<Plugin>,
    /// Kinds of sources that readers beside the agent bring.
    pub kinds: Vec<String>,
}

/// As told when enrolling and at each hello.
#[must_use]
pub fn describe(has: Has) -> Machine {
    let Has { plugins, kinds } = has;
    let mut capabilities = crate::connector::registry::capabilities();
    capabilities.extend(kinds.iter().map(|kind| format!("source:{kind}")));
    Machine {
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        os: os(),
        host: host(),
        capabilities,
        transport: None,
        plugins,
    }
}

/// Name and version of the system; the kernel's name where it does not say more.
fn os() -> String {
    let named = system();
    let name = named.as_deref().unwrap_or(std::env::consts::OS);
    let name: String = name.chars().filter(|c| !c.is_control()).take(150).collect();
    format!("{name} ({})", std::env::consts::ARCH)
}

#[cfg(unix)]
fn system() -> Option<String> {
    let release = std::fs::read_to_string("/etc/os-release").ok()?;
    let pretty = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(pretty.trim_matches('"').to_owned())
}

#[cfg(windows)]
fn system() -> Option<String> {
    let key = windows_registry::LOCAL_MACHINE.open(r"SOFTWARE\Microsoft\Windows NT\CurrentVersion").ok()?;
    let product = key.get_string("ProductName").ok()?;
    Some(windows_name(&product, &key.get_string("CurrentBuildNumber").unwrap_or_default()))
}

/// Windows 11 still calls itself Windows 10 here; its build tells the truth.
#[cfg(any(windows, test))]
fn windows_name(product: &str, build: &str) -> String {
    let eleven = build.parse::<u32>().is_ok_and(|build| build >= 22_000);
    let name = if eleven { product.replace("Windows 10", "Windows 11") } else { product.to_owned() };
    format!("{name}, build {build}")
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .unwrap_or_default();
    name.trim().chars().filter(|c| !c.is_control()).take(253).collect()
}

#[cfg(test)]
mod tests {
    use messages::validate::Validate as _;

    #[test]
    fn windows_is_called_what_its_people_call_it() {
        for (product, build, name) in [
            ("Windows 10 Pro", "19045", "Windows 10 Pro, build 19045"),
            ("Windows 10 Pro", "22631", "Windows 11 Pro, build 22631"),
            ("Windows Server 2022 Standard", "20348", "Windows Server 2022 Standard, build 20348"),
        ] {
            assert_eq!(super::windows_name(product, build), name);
        }
    }

    #[test]
    fn the_hub_accepts_what_is_said() {
        super::describe(super::Has::default()).validate().unwrap();
    }
}
