//! The documents that an overlay comes to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

pub(super) const OVERLAYS: &[&str] = &["dev", "production", "monitored"];

pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../k8s")
}

/// Builds a kustomization and checks it against the schemas; on failure what is wrong with it.
pub(super) fn build(folder: &Path) -> Result<Vec<Value>, String> {
    let python = std::env::var("GROCERYSYNC_KUBERNETES_PYTHON").unwrap_or_else(|_| {
        panic!("GROCERYSYNC_KUBERNETES_PYTHON is not set: run this by `cargo xtask test`, which brings the validator")
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kubernetes/manifests.py");
    let output = Command::new(&python).arg(script).arg(folder).output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap())
}

pub(super) fn texts(array: &Value) -> Vec<String> {
    array.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

pub(super) struct Manifests {
    pub(super) overlay: String,
    documents: Vec<Value>,
}

impl Manifests {
    pub(super) fn of(overlay: &str) -> Self {
        let documents =
            build(&folder().join("overlays").join(overlay)).unwrap_or_else(|error| panic!("{error}"));
        Self { overlay: overlay.to_owned(), documents }
    }

    pub(super) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.documents.iter().filter(move |document| document["kind"] == kind)
    }

    pub(super) fn stateful_set(&self) -> &Value {
        self.of_kind("StatefulSet").next().unwrap()
    }

    pub(super) fn pod(&self) -> &Value {
        &self.stateful_set()["spec"]["template"]["spec"]
    }

    pub(super) fn hub(&self) -> &Value {
        &self.pod()["containers"][0]
    }

    /// Variables of the hub; those that come from elsewhere stand with a value of the right form.
    pub(super) fn environment(&self) -> BTreeMap<String, String> {
        let variables = self.hub()["env"].as_array().unwrap().iter();
        let of = |variable: &Value| {
            let name = variable["name"].as_str().unwrap().to_owned();
            let elsewhere =
                || if name == "MONGODB_URI" { "mongodb://database".into() } else { "elsewhere".into() };
            let value = variable["value"].as_str().map_or_else(elsewhere, str::to_owned);
            (name, value)
        };
        variables.map(of).collect()
    }

    /// The number of one of the hub's ports, by name.
    pub(super) fn port(&self, name: &str) -> u64 {
        let ports = self.hub()["ports"].as_array().unwrap();
        let port = ports.iter().find(|port| port["name"] == name);
        port.unwrap_or_else(|| panic!("{}: no port {name}", self.overlay))["containerPort"].as_u64().unwrap()
    }
}
