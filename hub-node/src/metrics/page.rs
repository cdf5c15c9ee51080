//! The text form of Prometheus 0.0.4. Pure, except for [`Process::now`].

use std::fmt::Write as _;

/// Text that grows family by family.
#[derive(Default)]
pub(super) struct Page(String);

/// What the kernel says of this process; what it does not say is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Process {
    open_files: Option<u64>,
    /// In ticks of a hundredth of a second.
    cpu_ticks: Option<u64>,
}

impl Process {
    pub(super) fn now() -> Self {
        Self {
            open_files: std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64),
            cpu_ticks: cpu(&std::fs::read_to_string("/proc/self/stat").unwrap_or_default()),
        }
    }
}

/// User and system time. The name of the program may have spaces and brackets in it.
fn cpu(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut words = rest.split(' ').skip(11);
    let user: u64 = words.next()?.parse().ok()?;
    let system: u64 = words.next()?.parse().ok()?;
    Some(user + system)
}

impl Page {
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _cannot_fail = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// Labels are our own words: they have nothing to escape.
    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.line(name, labels, &value.to_string());
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    /// `counts` has one more entry than `ends`: what took longer than all. Ends and sum are microseconds.
    pub(super) fn histogram(&mut self, name: &str, help: &str, ends: &[u64], counts: &[u64], sum: u64) {
        self.family(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        let mut total = 0;
        let ends = ends.iter().map(|&end| seconds(end)).chain(["+Inf".to_owned()]);
        for (end, count) in ends.zip(counts) {
            total += count;
            self.sample(&bucket, &[("le", &end)], total);
        }
        self.line(&format!("{name}_sum"), &[], &seconds(sum));
        self.sample(&format!("{name}_count"), &[], total);
    }

    pub(super) fn process(&mut self, process: Process) {
        if let Some(files) = process.open_files {
            self.gauge("process_open_fds", "Open files and sockets", files);
        }
        if let Some(ticks) = process.cpu_ticks {
            self.family("process_cpu_seconds_total", "counter", "User and system time");
            self.line("process_cpu_seconds_total", &[], &seconds(ticks * 10_000));
        }
    }

    pub(super) fn text(self) -> String {
        self.0
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: &str) {
        let labels: Vec<String> = labels.iter().map(|(label, text)| format!("{label}=\"{text}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _cannot_fail = writeln!(self.0, "{name}{labels} {value}");
    }
}

/// Microseconds as seconds, without floating point: `2500` is `0.0025`.
fn seconds(micros: u64) -> String {
    let (whole, part) = (micros / 1_000_000, micros % 1_000_000);
    let text = format!("{whole}.{part:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_without_rounding() {
        for (micros, text) in [(0, "0"), (500, "0.0005"), (30_000_000, "30"), (40_003_400, "40.0034")] {
            assert_eq!(seconds(micros), text);
        }
    }

    #[test]
    fn the_kernels_accounts_are_read() {
        assert_eq!(cpu("17 (a b) S 1 17 17 0 -1 4194560 1 2 3 4 70 30 5 6 20 0 1 0 100"), Some(100));
        assert!(Process::now().open_files.is_some_and(|files| files > 0));
    }
}
