//! The route table as an OpenAPI 3.1 page, with what stands beside it. Nothing is written twice: what is not in the
//! table is not on the page.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use messages::Problem;
use messages::permission::{Permission, Role};
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::call::Call;
use super::reply::Reply;
use super::route::{Answer, BodySchema, Route};
use super::table;

/// Made once: it is the same for everybody, and anybody may ask.
pub(super) async fn page(_: Call) -> Result<Reply, Problem> {
    static PAGE: LazyLock<Value> = LazyLock::new(|| {
        let mut all = table::routes();
        all.extend(table::routes_elsewhere());
        describe(&all)
    });
    Reply::json(&*PAGE)
}

/// The page for a table.
pub(super) fn describe(routes: &[Route]) -> Value {
    let mut schemas = BTreeMap::new();
    schemas.insert(Problem::name().into_owned(), to_json(&Problem::schema()));
    let mut problem_parts = Vec::new();
    Problem::schemas(&mut problem_parts);
    schemas.extend(problem_parts.into_iter().map(|(name, schema)| (name, to_json(&schema))));
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in routes {
        let operation = operation(route, &mut schemas);
        paths.entry(route.path).or_default().insert(route.method.as_str().to_ascii_lowercase(), operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "GrocerySync",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Refusals are problem details (RFC 9457). Documents carry an ETag; PUT and DELETE need it in \
                            If-Match. A retailer outside the caller's scope is answered like one that is not there.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
                "store_edge": {
                    "type": "http", "scheme": "bearer", "description": "The credential that a store edge got when it enrolled.",
                },
                "refresh_cookie": { "type": "apiKey", "in": "cookie", "name": super::session::COOKIE },
            },
        },
    })
}

fn operation(route: &Route, schemas: &mut BTreeMap<String, Value>) -> Value {
    let mut parameters: Vec<Value> = route
        .parameters()
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": path_schema(name) }))
        .collect();
    parameters.extend(route.query.iter().map(to_json));
    if route.guarded && route.method != http::Method::GET {
        parameters.push(json!({
            "name": "If-Match", "in": "header", "required": true, "schema": { "type": "string" },
            "description": "The ETag of the version that is changed, such as \"12\".",
        }));
    }
    if route.repeatable {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false, "schema": { "type": "string", "maxLength": 128 },
            "description": "A repetition with the same key is answered with what the first request made.",
        }));
    }
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": [tag(route)],
        "parameters": parameters,
        "responses": responses(route, schemas),
        "security": security(route),
        "x-permission": route.permission,
    });
    if route.permission != Permission::Public {
        let roles: Vec<&str> =
            Role::ALL.into_iter().filter(|role| role.may(route.permission)).map(Role::as_str).collect();
        operation["description"] = format!("Roles: {}.", roles.join(", ")).into();
    }
    if let Some(request) = &route.request {
        let schema = collect(request, schemas);
        operation["requestBody"] = json!({ "required": !route.body_optional, "content": { "application/json": { "schema": schema } } });
    }
    operation
}

fn responses(route: &Route, schemas: &mut BTreeMap<String, Value>) -> Value {
    let mut success = json!({ "description": "Done." });
    match &route.answer {
        Answer::Nothing => {}
        Answer::Json(body) => {
            success["content"] = json!({ "application/json": { "schema": collect(body, schemas) } });
        }
        Answer::Other(media) => {
            success["content"] = json!({ *media: { "schema": { "type": "string" } } });
        }
    }
    if route.guarded && matches!(route.answer, Answer::Json(_)) {
        success["headers"] = json!({ "ETag": { "schema": { "type": "string" } } });
    }
    let problem = json!({
        "description": "Refused.",
        "content": { Problem::MEDIA_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    json!({ route.status.to_string(): success, "default": problem })
}

fn security(route: &Route) -> Value {
    if route.edge {
        return json!([{ "store_edge": [] }]);
    }
    match (route.permission, route.cookie && route.request.is_none()) {
        (Permission::Public, true) => json!([{ "refresh_cookie": [] }]),
        (Permission::Public, false) => json!([]),
        _ => json!([{ "bearer": [] }]),
    }
}

fn collect(body: &BodySchema, schemas: &mut BTreeMap<String, Value>) -> Value {
    for (name, schema) in &body.parts {
        schemas.entry(name.clone()).or_insert_with(|| to_json(schema));
    }
    to_json(&body.schema)
}

/// Nearly all are identifiers.
fn path_schema(name: &str) -> Value {
    match name {
        "sku" => json!({ "type": "string" }),
        _ => json!({ "type": "string", "format": "uuid" }),
    }
}

/// Such as `put_retailers_stores`: method and the words of the path.
fn operation_id(route: &Route) -> String {
    let words = route.path.trim_start_matches("/api/v1").split('/').filter(|part| !part.is_empty());
    let words: Vec<String> = words
        .map(|part| match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => format!("by_{name}"),
            None => part.replace('.', "_"),
        })
        .collect();
    format!("{}_{}", route.method.as_str().to_ascii_lowercase(), words.join("_"))
}

fn tag(route: &Route) -> &'static str {
    let path = route.path.trim_start_matches("/api").trim_start_matches("/v1");
    let words = || path.split('/').filter(|p| !p.is_empty() && !p.starts_with('{'));
    match (words().next(), words().nth(1)) {
        (Some("retailers"), Some(kind)) => kind,
        (Some(first), _) => first,
        (None, _) => "hub",
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> Value {
    // Schemas are plain data, so this does not fail; an empty schema would be seen by the test of the page.
    serde_json::to_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_route_is_described_once_and_every_reference_resolves() {
        let mut routes = table::routes();
        routes.extend(table::routes_elsewhere());
        let page = describe(&routes);
        let mut ids = HashSet::new();
        for route in &routes {
            let operation = &page["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
            assert!(operation.is_object(), "{} {}", route.method, route.path);
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{}", route.path);
            let parameters = operation["parameters"].as_array().unwrap();
            for name in route.parameters() {
                assert!(parameters.iter().any(|p| p["name"] == name && p["in"] == "path"), "{}", route.path);
            }
            assert!(operation["responses"][route.status.to_string()].is_object());
        }
        let text = page.to_string();
        for part in text.split("\"$ref\":\"").skip(1) {
            let reference = part.split('"').next().unwrap();
            let name = reference.strip_prefix("#/components/schemas/").unwrap();
            assert!(page["components"]["schemas"][name].is_object(), "{reference}");
        }
    }
}
