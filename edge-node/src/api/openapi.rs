//! The route table as an OpenAPI 3.1 page. What is not in the table is not on the page.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use messages::Problem;
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::reply::Reply;
use super::route::{BodySchema, Call, Route};
use super::table;

/// Made once: it is the same for everybody.
pub(super) async fn page(_: Call) -> Result<Reply, Problem> {
    static PAGE: LazyLock<Value> = LazyLock::new(|| describe(&table::routes()));
    Reply::json(&*PAGE)
}

/// The page for a table.
fn describe(routes: &[Route]) -> Value {
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
            "title": "GrocerySync store edge",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Refusals are problem details (RFC 9457) with stable codes. Amounts are whole minor units of the \
                            transaction's currency.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "till_token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation(route: &Route, schemas: &mut BTreeMap<String, Value>) -> Value {
    let text = json!({ "type": "string" });
    let parameter = |name: &str, place: &str, required: bool| json!({ "name": name, "in": place, "required": required, "schema": text });
    let names = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = names.map(|name| parameter(name, "path", true)).collect();
    parameters.extend(route.query.iter().map(|name| parameter(name, "query", false)));
    if route.by_till {
        parameters.push(parameter("X-Terminal-Id", "header", true));
        parameters.push(parameter("X-Cashier-Id", "header", true));
    }
    if route.writes() {
        let mut key = parameter("Idempotency-Key", "header", true);
        key["description"] =
            "A repetition with the same key and the same request is answered as the first one was.".into();
        parameters.push(key);
    }
    let mut success = json!({ "description": "Done." });
    match (&route.answer, route.media) {
        (Some(body), _) => {
            success["content"] = json!({ "application/json": { "schema": collect(body, schemas) } });
        }
        (None, Some(media)) => success["content"] = json!({ media: { "schema": { "type": "string" } } }),
        (None, None) => {}
    }
    let problem = json!({
        "description": "Refused.",
        "content": { Problem::MEDIA_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "parameters": parameters,
        "responses": { route.status.to_string(): success, "default": problem },
        "security": if route.public { json!([]) } else { json!([{ "till_token": [] }, {}]) },
    });
    if let Some(request) = &route.request {
        let schema = collect(request, schemas);
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    operation
}

fn collect(body: &BodySchema, schemas: &mut BTreeMap<String, Value>) -> Value {
    for (name, schema) in &body.parts {
        schemas.entry(name.clone()).or_insert_with(|| to_json(schema));
    }
    to_json(&body.schema)
}

/// Such as `post_transactions_by_transaction_lines`.
fn operation_id(route: &Route) -> String {
    let words = route.path.trim_start_matches("/v1").split('/').filter(|part| !part.is_empty());
    let words: Vec<String> = words
        .map(|part| match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => format!("by_{name}"),
            None => part.replace('.', "_"),
        })
        .collect();
    format!("{}_{}", route.method.as_str().to_ascii_lowercase(), words.join("_"))
}

fn to_json<T: serde::Serialize>(value: &T) -> Value {
    // Schemas are plain data; an empty one would be seen by the test of the page.
    serde_json::to_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_route_is_described_once_and_every_reference_resolves() {
        let routes = table::routes();
        let page = describe(&routes);
        let mut ids = HashSet::new();
        for route in &routes {
            let operation = &page["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{}", route.path);
            assert!(operation["responses"][route.status.to_string()].is_object());
            let key =
                operation["parameters"].as_array().unwrap().iter().any(|p| p["name"] == "Idempotency-Key");
            assert_eq!(key, route.method != http::Method::GET, "{}", route.path);
        }
        let text = page.to_string();
        for part in text.split("\"$ref\":\"").skip(1) {
            let reference = part.split('"').next().unwrap();
            let name = reference.strip_prefix("#/components/schemas/").unwrap();
            assert!(page["components"]["schemas"][name].is_object(), "{reference}");
        }
    }
}
