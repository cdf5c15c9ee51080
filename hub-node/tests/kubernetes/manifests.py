"""Builds a kustomization and checks every document of it against the schemas of Kubernetes, strictly.

    manifests.py FOLDER

Writes the documents to standard output as one JSON array. Anything wrong goes to standard error, with exit code 1:
a build that fails, a field that the schema does not know, a wrong type, a missing field. Talks to no cluster.
"""

import json
import pathlib
import subprocess
import sys

import jsonschema
import kubernetes_validate
import yaml

# The oldest version that has all of what the manifests use, and the newest one that there is a schema for.
VERSIONS = ["1.30", "1.37"]

# Kubernetes does not know the Prometheus operator's kind. What we use of it, strictly.
SERVICE_MONITOR = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "monitoring.coreos.com/v1"},
        "spec": {
            "type": "object",
            "required": ["selector", "endpoints"],
            "additionalProperties": False,
            "properties": {
                "selector": {"type": "object", "required": ["matchLabels"]},
                "endpoints": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "port": {"type": "string"},
                            "path": {"type": "string"},
                            "interval": {"type": "string", "pattern": "^[0-9]+s$"},
                            "scrapeTimeout": {"type": "string", "pattern": "^[0-9]+s$"},
                        },
                    },
                },
            },
        },
    },
}


def validate(document: dict, version: str) -> None:
    if document.get("kind") == "ServiceMonitor":
        jsonschema.validate(document, SERVICE_MONITOR)
    else:
        kubernetes_validate.validate(document, version, strict=True)


def main() -> int:
    folder = sys.argv[1]
    kubectl = pathlib.Path(sys.executable).with_name("kubectl")
    built = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, timeout=60)
    if built.returncode != 0:
        print(built.stderr, file=sys.stderr)
        return 1
    documents = [document for document in yaml.safe_load_all(built.stdout) if document]
    wrong = 0
    for document in documents:
        name = f"{document.get('kind')} {document.get('metadata', {}).get('name')}"
        for version in VERSIONS:
            try:
                validate(document, version)
            except (kubernetes_validate.ValidationError, jsonschema.ValidationError) as error:
                place = ".".join(str(part) for part in error.path)
                print(f"{name}, Kubernetes {version}: {place}: {error.message}", file=sys.stderr)
                wrong += 1
            except kubernetes_validate.SchemaNotFoundError as error:
                print(f"{name}, Kubernetes {version}: {error}", file=sys.stderr)
                wrong += 1
    json.dump(documents, sys.stdout)
    return 1 if wrong or not documents else 0


if __name__ == "__main__":
    sys.exit(main())
