//! What the agent says of the machine it runs on.

use messages::http::agents::Machine;
use messages::plugin::Plugin;

/// As told when enrolling and at each hello.
#[must_use]
pub fn describe(plugins: Vec<Plugin>) -> Machine {
    Machine {
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        os: os(),
        host: host(),
        capabilities: crate::connector::registry::capabilities(),
        transport: None,
        plugins,
    }
}

/// Name and version of the system; the kernel's name where it does not say more.
fn os() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let pretty = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let name = pretty.map_or(std::env::consts::OS, |name| name.trim_matches('"'));
    let name: String = name.chars().filter(|c| !c.is_control()).take(150).collect();
    format!("{name} ({})", std::env::consts::ARCH)
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
    fn the_hub_accepts_what_is_said() {
        super::describe(Vec::new()).validate().unwrap();
    }
}
