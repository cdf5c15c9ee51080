//! The manifests and Containerfiles in `k8s/`: built and checked against the schemas, and whether what they name is there.
//!
//! No cluster is started: what a cluster does with them is not seen here.

mod containerfiles;
mod manifests;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use clap::{CommandFactory as _, Parser};
use hub_node::config::Config;
use hub_node::telemetry;
use messages::permission::Permission;
use serde_json::Value;

use manifests::{Manifests, OVERLAYS, build, texts};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    config: Config,
}

fn overlays() -> Vec<Manifests> {
    OVERLAYS.iter().map(|name| Manifests::of(name)).collect()
}

#[test]
fn kubernetes_every_overlay_builds_and_fits_the_schemas() {
    for manifests in overlays() {
        for kind in ["Namespace", "StatefulSet", "PodDisruptionBudget", "NetworkPolicy", "ServiceAccount"] {
            assert!(manifests.of_kind(kind).next().is_some(), "{}: no {kind}", manifests.overlay);
        }
    }
}

#[test]
fn kubernetes_a_field_that_does_not_exist_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("k8s");
    let copied = Command::new("cp").arg("-r").arg(manifests::folder()).arg(&copy).status().unwrap();
    assert!(copied.success());
    let file = copy.join("base/stateful-set.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("readinessProbe:", "readynessProbe:")).unwrap();
    let error = build(&copy.join("overlays/dev")).unwrap_err();
    assert!(error.contains("readynessProbe"), "{error}");
}

#[test]
fn kubernetes_arguments_and_environment_are_the_hubs_and_fit_each_other() {
    let settings = Cli::command();
    let flags: Vec<(String, String)> = settings
        .get_arguments()
        .filter_map(|argument| {
            Some((argument.get_env()?.to_str()?.to_owned(), argument.get_long()?.to_owned()))
        })
        .collect();
    for manifests in overlays() {
        let hub = manifests.hub();
        let help =
            Command::new(env!("CARGO_BIN_EXE_hub-node")).args(texts(&hub["args"])).arg("--help").output();
        assert!(help.unwrap().status.success(), "the hub does not know {}", hub["args"]);

        let mut arguments = vec!["hub".to_owned()];
        let environment = manifests.environment();
        for (name, value) in &environment {
            let used_by_another = environment.values().any(|other| other.contains(&format!("$({name})")));
            if used_by_another || [telemetry::FILTER, telemetry::FORMAT].contains(&name.as_str()) {
                continue;
            }
            let flag = flags.iter().find(|(variable, _)| variable == name);
            let (_, flag) = flag.unwrap_or_else(|| panic!("the hub does not read {name}"));
            arguments.push(format!("--{flag}={}", value.replace("$(", "").replace(')', "")));
        }
        if let Err(error) = Cli::try_parse_from(arguments) {
            panic!("{}: the hub does not start with this: {error}", manifests.overlay);
        }
    }
}

#[test]
fn kubernetes_probes_ask_for_public_routes_on_the_right_port() {
    let routes = hub_node::http::routes();
    for manifests in overlays() {
        let hub = manifests.hub();
        let environment = manifests.environment();
        let scheme = if environment.contains_key("GROCERYSYNC_TLS_CERT") { "HTTPS" } else { "HTTP" };
        for (probe, path) in [
            ("startupProbe", "/health/live"),
            ("livenessProbe", "/health/live"),
            ("readinessProbe", "/health/ready"),
        ] {
            let get = &hub[probe]["httpGet"];
            assert_eq!(get["path"], path);
            let route = routes.iter().find(|route| route.path == path && route.method == "GET");
            assert!(route.is_some_and(|route| route.permission == Permission::Public), "{path}");
            assert_eq!(get["scheme"].as_str().unwrap_or("HTTP"), scheme, "{}: {probe}", manifests.overlay);
            assert_eq!(get["port"], "public");
        }
        for (port, variable) in [
            ("public", "GROCERYSYNC_LISTEN"),
            ("cluster", "GROCERYSYNC_CLUSTER_LISTEN"),
            ("metrics", "GROCERYSYNC_METRICS_LISTEN"),
        ] {
            let listens = environment[variable].rsplit_once(':').unwrap().1.to_owned();
            assert_eq!(manifests.port(port).to_string(), listens, "{}: {port}", manifests.overlay);
        }
    }
}

#[test]
fn kubernetes_services_lead_to_the_hub_and_names_are_those_of_services() {
    for manifests in overlays() {
        let pods = &manifests.stateful_set()["spec"]["template"]["metadata"]["labels"];
        let mut names = BTreeSet::new();
        for service in manifests.of_kind("Service") {
            for port in service["spec"]["ports"].as_array().unwrap() {
                manifests.port(port["targetPort"].as_str().unwrap());
            }
            assert!(matches(&service["spec"]["selector"], pods), "{}", service["metadata"]["name"]);
            names.insert(service["metadata"]["name"].as_str().unwrap());
        }
        let headless = manifests.stateful_set()["spec"]["serviceName"].as_str().unwrap();
        assert!(names.contains(headless));
        let address = &manifests.environment()["GROCERYSYNC_CLUSTER_ADDRESS"];
        let wanted = format!("$(POD_NAME).{headless}.$(POD_NAMESPACE).svc:{}", manifests.port("cluster"));
        assert_eq!(*address, wanted);
        for kind in ["PodDisruptionBudget", "NetworkPolicy"] {
            for found in manifests.of_kind(kind) {
                let spec = &found["spec"];
                let selector = if kind == "NetworkPolicy" { &spec["podSelector"] } else { &spec["selector"] };
                assert!(matches(&selector["matchLabels"], pods), "{kind} {}", found["metadata"]["name"]);
            }
        }
        for scaler in manifests.of_kind("HorizontalPodAutoscaler") {
            assert_eq!(
                scaler["spec"]["scaleTargetRef"]["name"],
                manifests.stateful_set()["metadata"]["name"]
            );
            let replicas = &manifests.stateful_set()["spec"]["replicas"];
            assert!(replicas.is_null(), "applying the manifests would undo what the autoscaler has done");
        }
    }
}

#[test]
fn kubernetes_each_nodes_metrics_are_scraped_where_the_operator_is() {
    let manifests = Manifests::of("monitored");
    let monitor = manifests.of_kind("ServiceMonitor").next().unwrap();
    let endpoint = &monitor["spec"]["endpoints"][0];
    assert_eq!(endpoint["path"], "/metrics");
    let selected = &monitor["spec"]["selector"]["matchLabels"];
    let leads = |service: &&Value| {
        let ports = service["spec"]["ports"].as_array().unwrap();
        matches(selected, &service["metadata"]["labels"])
            && ports.iter().any(|port| port["name"] == endpoint["port"])
    };
    let services: Vec<&Value> = manifests.of_kind("Service").filter(leads).collect();
    assert_eq!(services.len(), 1, "a node is scraped once");
    assert_eq!(services[0]["spec"]["clusterIP"], "None", "each node, not one behind a common address");
    let opens = |policy: &Value| policy["spec"]["ingress"].to_string().contains("\"metrics\"");
    assert_eq!(manifests.of_kind("NetworkPolicy").filter(|policy| opens(policy)).count(), 1);
    for plain in ["dev", "production"] {
        let plain = Manifests::of(plain);
        assert!(!plain.of_kind("NetworkPolicy").any(opens), "{}: metrics are open", plain.overlay);
    }
}

fn matches(selector: &Value, labels: &Value) -> bool {
    selector.as_object().into_iter().flatten().all(|(key, value)| labels[key] == *value)
}

#[test]
fn kubernetes_only_hubs_reach_the_cluster_port() {
    for manifests in overlays() {
        let mut open_to_hubs = 0;
        for policy in manifests.of_kind("NetworkPolicy") {
            for rule in policy["spec"]["ingress"].as_array().into_iter().flatten() {
                let ports = rule["ports"].as_array().unwrap();
                for port in ports.iter().filter_map(|port| port["port"].as_str()) {
                    manifests.port(port);
                }
                if ports.iter().any(|port| port["port"] == "cluster") {
                    let pods = &manifests.stateful_set()["spec"]["selector"];
                    assert_eq!(rule["from"], serde_json::json!([{ "podSelector": pods }]));
                    open_to_hubs += 1;
                }
            }
        }
        let closed = |policy: &&Value| {
            policy["spec"]["podSelector"].as_object().is_some_and(serde_json::Map::is_empty)
        };
        assert!(
            manifests.of_kind("NetworkPolicy").any(|policy| closed(&policy)),
            "nothing is closed at first"
        );
        assert_eq!(open_to_hubs, 1);
    }
}

#[test]
fn kubernetes_pods_are_hardened_and_files_are_where_the_settings_say() {
    for manifests in overlays() {
        let pod = manifests.pod();
        let hub = manifests.hub();
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(hub["securityContext"]["readOnlyRootFilesystem"], true);
        assert_eq!(hub["securityContext"]["allowPrivilegeEscalation"], false);
        assert_eq!(hub["securityContext"]["capabilities"]["drop"], serde_json::json!(["ALL"]));
        assert_eq!(
            (&pod["automountServiceAccountToken"], &pod["enableServiceLinks"]),
            (&false.into(), &false.into())
        );
        assert!(hub["resources"]["limits"]["memory"].is_string() && hub["resources"]["requests"].is_object());
        for (name, value) in manifests.environment() {
            if !value.starts_with('/') {
                continue;
            }
            let mounts = hub["volumeMounts"].as_array().unwrap();
            let below = |mount: &&Value| Path::new(&value).starts_with(mount["mountPath"].as_str().unwrap());
            let mount =
                mounts.iter().find(below).unwrap_or_else(|| panic!("{name}: nothing is mounted at {value}"));
            assert_eq!(mount["readOnly"] == true, name != "GROCERYSYNC_DATA_DIR", "{name}");
            let volumes = pod["volumes"].as_array().unwrap();
            assert!(volumes.iter().any(|volume| volume["name"] == mount["name"]), "{name}: no volume");
        }
        let secret = |variable: &Value| variable["valueFrom"]["secretKeyRef"].is_object();
        for name in ["MONGODB_URI", "GROCERYSYNC_SETUP_TOKEN"] {
            let variables = hub["env"].as_array().unwrap();
            assert!(variables.iter().any(|variable| variable["name"] == name && secret(variable)), "{name}");
        }
    }
}

#[test]
fn kubernetes_a_node_gets_the_time_it_needs_to_drain() {
    // `docs/operations.md`: 30 s for handing over, 10 s for requests under way, 5 s to spare.
    const DRAIN: u64 = 45;
    for manifests in overlays() {
        let before = manifests.hub()["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap();
        let grace = manifests.pod()["terminationGracePeriodSeconds"].as_u64().unwrap();
        assert!(grace >= before + DRAIN, "{grace} s");
    }
}
