//! Many products at once: their variables as a file of lines, uploaded to where the shop says, worked off by a bulk
//! operation, and its results read line by line. The acting parts; what a file or result holds is pure.

use std::time::SystemTime;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use messages::ErrorCode;
use messages::connector::platform::origin;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::graph::{Graph, Query};
use super::plan::{Set, user_errors};
use crate::connector::http::{Client, judge};
use crate::connector::staged_sink::Setback;
use crate::connector::{Failure, Means};

const STAGE: Query = Query {
    name: "stagedUploadsCreate",
    text: "mutation stage($input: [StagedUploadInput!]!) { stagedUploadsCreate(input: $input) { \
           stagedTargets { url parameters { name value } } userErrors { field message } } }",
};
const RUN: Query = Query {
    name: "bulkOperationRunMutation",
    text: "mutation run($mutation: String!, $path: String!) { bulkOperationRunMutation(mutation: $mutation, \
           stagedUploadPath: $path) { bulkOperation { id status } userErrors { code field message } } }",
};
const LOOK: Query = Query {
    name: "bulkOperation",
    text: "query look($id: ID!) { node(id: $id) { ... on BulkOperation { id status errorCode objectCount url \
           partialDataUrl } } }",
};
const CANCEL: Query = Query {
    name: "bulkOperationCancel",
    text: "mutation cancel($id: ID!) { bulkOperationCancel(id: $id) { userErrors { field message } } }",
};
/// Sets one product: for each line of a file, or asked by itself.
pub(super) const SET: &str = "mutation set($input: ProductSetInput!, $identifier: ProductSetIdentifiers) { \
                    productSet(synchronous: true, input: $input, identifier: $identifier) { \
                    product { id } userErrors { code field message } } }";

/// Results of a portion: a line of some hundred bytes for each product.
const MAX_RESULTS: usize = 16 * 1024 * 1024;
const MAX_ANSWER: usize = 64 * 1024;
const FILE: &str = "products.jsonl";
/// Longer than any real file has it in a row.
const BOUNDARY: &str = "----grocerysync-7f2b0c9d51e84a36";

/// The file of a portion.
pub(super) fn file(sets: &[Set<'_>]) -> String {
    sets.iter().map(|set| format!("{}\n", set.variables)).collect()
}

/// What the results say against products, by their place in the file; and which places they say nothing of.
pub(super) fn refusals(results: &str, count: usize) -> (Vec<(usize, String)>, usize) {
    let mut told = vec![false; count];
    let mut refused = Vec::new();
    for line in results.lines().filter(|line| !line.is_empty()) {
        let Ok(result) = serde_json::from_str::<Value>(line) else { continue };
        let place = result["__lineNumber"].as_u64().and_then(|number| usize::try_from(number).ok());
        let Some(place) = place.filter(|place| *place < count) else { continue };
        told[place] = true;
        if let Some(said) = user_errors(&result["data"]["productSet"]) {
            refused.push((place, said));
        } else if let Some(said) = result["errors"][0]["message"].as_str() {
            refused.push((place, format!("the shop says: {said}")));
        }
    }
    (refused, told.iter().filter(|told| !**told).count())
}

/// Parts of a form, the file last.
fn form(parameters: &[Value], content: &str) -> Vec<u8> {
    let mut body = String::with_capacity(content.len() + 4_096);
    for parameter in parameters {
        let (name, value) = (text(&parameter["name"]), text(&parameter["value"]));
        body.push_str(&format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str(&format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{FILE}\"\r\n\
         Content-Type: text/jsonl\r\n\r\n{content}\r\n--{BOUNDARY}--\r\n"
    ));
    body.into_bytes()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// An operation that is under way, so that it can be called off. One whose beginning was not heard of is not known
/// here: it runs to its end, and sets what it was given.
#[derive(Debug, Default)]
pub(super) struct UnderWay(pub(super) Option<String>);

impl UnderWay {
    /// Calls it off, as far as the line allows.
    pub(super) async fn cancel(&mut self, graph: &mut Graph) {
        if let Some(id) = self.0.take()
            && let Err(setback) = graph.ask(CANCEL, json!({ "id": id })).await
        {
            tracing::warn!(failure = %setback.failure, "a bulk operation could not be called off; it runs to its end");
        }
    }
}

/// Uploads the file, has it worked off, and returns the results.
pub(super) async fn run(
    graph: &mut Graph,
    means: &Means,
    content: &str,
    under_way: &mut UnderWay,
) -> Result<String, Setback> {
    // One that an attempt before this one began may still run; beside it this one would be refused.
    under_way.cancel(graph).await;
    let path = upload(graph, means, content).await?;
    let answer = graph.ask(RUN, json!({"mutation": SET, "path": path})).await?;
    let begun = &answer["bulkOperationRunMutation"];
    if let Some(said) = user_errors(begun) {
        let code = text(&begun["userErrors"][0]["code"]);
        let passes = matches!(
            code,
            "OPERATION_IN_PROGRESS" | "LIMIT_REACHED" | "INTERNAL_FILE_SERVER_ERROR" | "NO_SUCH_FILE"
        );
        return Err(refused(graph, &said, passes));
    }
    let id = text(&begun["bulkOperation"]["id"]).to_owned();
    under_way.0 = Some(id.clone());
    loop {
        let node = graph.ask(LOOK, json!({ "id": id })).await?["node"].take();
        let status = text(&node["status"]);
        if matches!(status, "CREATED" | "RUNNING" | "CANCELING") {
            sleep(means.pace.look).await;
            continue;
        }
        under_way.0 = None;
        if status != "COMPLETED" {
            let why = format!("the bulk operation ended as {status} ({})", text(&node["errorCode"]));
            let denied = node["errorCode"] == "ACCESS_DENIED";
            return Err(refused(graph, &why, !denied));
        }
        return match node["url"].as_str() {
            Some(url) => fetch(means, url).await,
            // An operation without any result has no file.
            None => Ok(String::new()),
        };
    }
}

fn refused(graph: &Graph, said: &str, passes: bool) -> Setback {
    let detail = format!("{}: {said}", graph.host());
    if passes {
        Setback::passing(Failure::new(ErrorCode::DestinationFailed, detail))
    } else {
        Setback::final_(Failure::new(ErrorCode::DestinationRejected, detail))
    }
}

/// Brings the file to where the shop says; returns the name it has there.
async fn upload(graph: &mut Graph, means: &Means, content: &str) -> Result<String, Setback> {
    let input = json!([{"resource": "BULK_MUTATION_VARIABLES", "filename": FILE, "mimeType": "text/jsonl",
        "httpMethod": "POST"}]);
    let answer = graph.ask(STAGE, json!({ "input": input })).await?;
    let staged = &answer["stagedUploadsCreate"];
    if let Some(said) = user_errors(staged) {
        return Err(refused(graph, &said, false));
    }
    let target = &staged["stagedTargets"][0];
    let parameters = target["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    let key = parameters.iter().find(|parameter| parameter["name"] == "key").map(|key| text(&key["value"]));
    let (Some(key), Some(url)) = (key, target["url"].as_str()) else {
        return Err(refused(graph, "it names no place for the file", true));
    };
    // Another server, which must not see the token; what opens it stands in the form.
    let mut client = Client::new(url, means).map_err(Setback::final_)?;
    let request = Request::post(behind(url))
        .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(Full::new(Bytes::from(form(parameters, content))));
    let request =
        request.map_err(|error| Setback::final_(Failure::new(ErrorCode::Internal, error.to_string())))?;
    let reply = client.send(request, MAX_ANSWER).await.map_err(Setback::passing)?;
    match judge::setback(&client.host(), &reply, SystemTime::now()) {
        None => Ok(key.to_owned()),
        // Its permissions run out; the next try gets new ones.
        Some(setback) => {
            Err(Setback::passing(Failure::new(ErrorCode::DestinationFailed, setback.failure.detail)))
        }
    }
}

async fn fetch(means: &Means, url: &str) -> Result<String, Setback> {
    let mut client = Client::new(url, means).map_err(Setback::final_)?;
    let request = Request::get(behind(url)).body(Full::default());
    let request =
        request.map_err(|error| Setback::final_(Failure::new(ErrorCode::Internal, error.to_string())))?;
    let reply = client.send(request, MAX_RESULTS).await.map_err(Setback::passing)?;
    match judge::setback(&client.host(), &reply, SystemTime::now()) {
        None => Ok(String::from_utf8_lossy(&reply.body).into_owned()),
        // A result that ran out before it was read: the products are set, and are set again.
        Some(setback) => {
            Err(Setback::passing(Failure::new(ErrorCode::DestinationFailed, setback.failure.detail)))
        }
    }
}

/// Path and query of an address.
fn behind(url: &str) -> &str {
    let rest = url.get(origin(url).map_or(0, str::len)..).unwrap_or_default();
    if rest.is_empty() { "/" } else { rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_any_order_and_may_be_missing() {
        let results = "{\"data\":{\"productSet\":{\"userErrors\":[]}},\"__lineNumber\":2}\n\n\
            {\"data\":{\"productSet\":{\"userErrors\":[{\"code\":\"INVALID\",\"message\":\"no\"}]}},\"__lineNumber\":0}\n\
            nonsense\n{\"errors\":[{\"message\":\"broken\"}],\"__lineNumber\":3}\n{\"__lineNumber\":99}\n";
        let (refused, untold) = refusals(results, 4);
        assert_eq!(refused, [(0, "the shop says: no (INVALID)".into()), (3, "the shop says: broken".into())]);
        assert_eq!(untold, 1);
    }

    #[test]
    fn the_file_is_the_last_part_of_the_form() {
        let form = form(&[json!({"name": "key", "value": "tmp/1/products.jsonl"})], "{}\n");
        let form = String::from_utf8(form).unwrap();
        let (key, file) =
            (form.find("name=\"key\"\r\n\r\ntmp/1").unwrap(), form.find("name=\"file\"").unwrap());
        assert!(key < file && form.ends_with(&format!("{{}}\n\r\n--{BOUNDARY}--\r\n")));
    }
}
