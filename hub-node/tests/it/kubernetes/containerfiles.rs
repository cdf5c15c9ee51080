//! The Containerfiles, as far as they can be read: they are built where there is a container engine, not here.

use std::collections::BTreeMap;

use super::manifests::{Manifests, OVERLAYS, folder, texts};

/// Instructions of the last stage by name, and the text of all stages.
struct Containerfile {
    text: String,
    last: BTreeMap<String, String>,
}

impl Containerfile {
    fn of(node: &str) -> Self {
        let text = std::fs::read_to_string(folder().join(format!("{node}.Containerfile"))).unwrap();
        let joined = text.replace("\\\n", " ");
        let (_, stage) = joined.rsplit_once("\nFROM ").unwrap();
        let lines = stage.lines().filter(|line| !line.starts_with('#'));
        let last = lines
            .filter_map(|line| line.split_once(' '))
            .map(|(name, rest)| (name.into(), rest.trim().into()));
        Self { last: last.collect(), text }
    }

    fn list(&self, instruction: &str) -> Vec<String> {
        texts(&serde_json::from_str(&self.last[instruction]).unwrap())
    }
}

#[test]
fn kubernetes_images_hold_and_start_the_programs_that_are_built() {
    for (node, settings, profile) in [
        ("hub-node", &["hub-node/src/config.rs"][..], "release"),
        ("agent-node", &["agent-node/src/cli.rs", "agent-node/src/service.rs"], "small"),
        ("edge-node", &["edge-node/src/cli.rs"], "release"),
    ] {
        let file = Containerfile::of(node);
        assert!(file.text.contains(&format!("--package {node}")), "{node} is not built");
        assert!(file.text.contains(&format!("cp target/{profile}/{node} /image/usr/local/bin/")), "{node}");
        assert_eq!(file.list("ENTRYPOINT"), [format!("/usr/local/bin/{node}")]);
        assert_eq!(file.list("CMD"), ["run"]);
        assert_eq!(file.last["USER"], "65532:65532", "{node}");
        let read = |file: &&str| std::fs::read_to_string(folder().join("..").join(file)).unwrap();
        let source: String = settings.iter().map(read).collect();
        for variable in file.last["ENV"].split_whitespace() {
            let (name, _) = variable.split_once('=').unwrap();
            assert!(source.contains(&format!("env = \"{name}\"")), "{node} does not read {name}");
        }
        assert!(folder().join(format!("{node}.Containerfile.dockerignore")).is_file());
    }
}

#[test]
fn kubernetes_pods_run_the_image_as_it_was_made() {
    let file = Containerfile::of("hub-node");
    for manifests in OVERLAYS.iter().map(|name| Manifests::of(name)) {
        assert_eq!(texts(&manifests.hub()["args"]), file.list("CMD"));
        let context = &manifests.pod()["securityContext"];
        assert_eq!(file.last["USER"], format!("{}:{}", context["runAsUser"], context["runAsGroup"]));
        let ports = format!("{} {}", manifests.port("public"), manifests.port("cluster"));
        assert_eq!(file.last["EXPOSE"], ports);
        let mounts = manifests.hub()["volumeMounts"].as_array().unwrap();
        assert!(mounts.iter().any(|mount| mount["mountPath"] == file.last["VOLUME"].as_str()));
    }
}
