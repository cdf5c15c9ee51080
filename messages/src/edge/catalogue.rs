//! What comes down to a store edge: articles, prices and corrections of stock, as numbered changes.
//! `POST /v1/catalogue/changes`, or the same bodies as a stream.
//!
//! The numbers of a retailer's changes have no gaps; a store gets each article at its latest change only, so those that
//! it sees may. Whoever has applied everything up to a number asks for what is behind it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Amount, Currency, Quantity, TaxRate};
use crate::{DeviceId, EventId, FeedId};

/// Where edges ask at a hub.
pub const PATH: &str = "/v1/catalogue/changes";
/// The version of request and page that this build writes.
pub const CHANGES_VERSION: u16 = 1;
/// The form of `data` that this build writes.
pub const CHANGE_VERSION: u16 = 1;
/// Changes on one page: at most some hundreds of kilobytes, and a few commits for the edge's disk.
pub const MAX_CHANGES: u32 = 250;
/// How long a hub keeps a question that it has nothing to answer with: shorter than proxies let a connection be silent.
pub const MAX_WAIT_S: u32 = 30;

/// "I have everything up to here; what is behind it?"
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangesRequest {
    pub v: u16,
    pub device_id: DeviceId,
    /// The life of the stream that `cursor` counts in; absent before the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed_id: Option<FeedId>,
    /// Everything up to here is on the device's disk: this is the acknowledgement, too.
    pub cursor: u64,
    /// A whole catalogue is being taken over, and the tills still sell from the one before.
    #[serde(default)]
    pub loading: bool,
    /// Changes that are wanted, 1 to [`MAX_CHANGES`].
    #[serde(default = "most", skip_serializing_if = "is_most")]
    pub limit: u32,
    /// Seconds to wait for a change if there is none, 0 to [`MAX_WAIT_S`].
    #[serde(default)]
    pub wait_s: u32,
}

const fn most() -> u32 {
    MAX_CHANGES
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
const fn is_most(limit: &u32) -> bool {
    *limit == MAX_CHANGES
}

/// What is behind a cursor.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangesPage {
    pub v: u16,
    /// Absent: the hub has no catalogue of this retailer, and the store keeps its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed_id: Option<FeedId>,
    /// Of all prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// The changes begin behind this number. When it is not the cursor that was asked from, that one means nothing any
    /// more: a whole catalogue begins with this page.
    pub from: u64,
    /// With these changes the device has everything up to here.
    pub cursor: u64,
    /// The latest number there is.
    pub head: u64,
    /// In the order of their numbers.
    pub changes: Vec<Change>,
}

/// One change on its way. Who does not know its type or version leaves it out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Change {
    pub seq: u64,
    #[serde(rename = "type")]
    pub kind: String,
    /// Of the form of `data` for this type.
    pub version: u16,
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub data: Box<RawValue>,
}

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// An article as it is from now on in this store.
    Article(StoreArticle),
    ArticleWithdrawn(Withdrawn),
    StockCorrected(Correction),
}

/// Why a change cannot be understood here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeFault {
    #[error("changes of the type \"{0}\", version {1}, are not known here")]
    Unknown(String, u16),
    #[error("{0}")]
    Malformed(String),
}

impl Changed {
    /// As `type` on the wire.
    pub const KINDS: &[&str] = &["article", "article_withdrawn", "stock_corrected"];

    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Article(_) => "article",
            Self::ArticleWithdrawn(_) => "article_withdrawn",
            Self::StockCorrected(_) => "stock_corrected",
        }
    }

    /// On its way under a number.
    pub fn at(&self, seq: u64) -> Result<Change, serde_json::Error> {
        let text = match self {
            Self::Article(body) => serde_json::to_string(body),
            Self::ArticleWithdrawn(body) => serde_json::to_string(body),
            Self::StockCorrected(body) => serde_json::to_string(body),
        };
        let (kind, data) = (self.kind().to_owned(), RawValue::from_string(text?)?);
        Ok(Change { seq, kind, version: CHANGE_VERSION, data })
    }

    pub fn read(change: &Change) -> Result<Self, ChangeFault> {
        let data = change.data.get();
        match (change.kind.as_str(), change.version) {
            ("article", CHANGE_VERSION) => decode(data).map(Self::Article),
            ("article_withdrawn", CHANGE_VERSION) => decode(data).map(Self::ArticleWithdrawn),
            ("stock_corrected", CHANGE_VERSION) => decode(data).map(Self::StockCorrected),
            (kind, version) => Err(ChangeFault::Unknown(kind.to_owned(), version)),
        }
    }
}

fn decode<T: DeserializeOwned>(data: &str) -> Result<T, ChangeFault> {
    serde_json::from_str(data).map_err(|error| ChangeFault::Malformed(error.to_string()))
}

/// So many pieces together have a price of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Bundle {
    /// Pieces, at least 2.
    pub pieces: u32,
    pub price: Amount,
}

/// An article as one store sells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoreArticle {
    pub sku: String,
    pub name: String,
    /// The number it is scanned by, of 8 or 13 digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barcode: Option<String>,
    pub category: String,
    pub unit: String,
    /// Of one unit in this store.
    pub price: Amount,
    pub tax_rate: TaxRate,
    pub weighed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plu: Option<u32>,
    /// Must not be sold, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Bundle>,
}

/// An article that is not sold any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Withdrawn {
    pub sku: String,
}

/// Stock that head office has put right. The device moves its stock and tells so with an `inventory_adjusted` event
/// of this very `event_id`: so it counts once, whatever is repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Correction {
    pub event_id: EventId,
    pub sku: String,
    pub delta: Quantity,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As hubs of each released version write them: they must be read for ever.
    const SAMPLES: &[(&str, &str)] = &[
        (
            "article",
            r#"{"sku":"A1","name":"Milk","barcode":"4006381333931","category":"Dairy","unit":"pcs","price":165,"tax_rate":260,"weighed":false,"plu":7,"blocked":"recalled","bundle":{"pieces":3,"price":450}}"#,
        ),
        (
            "article",
            r#"{"sku":"W04011","name":"Bananas","category":"Fruit","unit":"kg","price":295,"tax_rate":260,"weighed":true}"#,
        ),
        ("article_withdrawn", r#"{"sku":"A1"}"#),
        (
            "stock_corrected",
            r#"{"event_id":"01a1fdf8-4c51-75c4-9c83-8e143a226d60","sku":"A1","delta":"-2.5"}"#,
        ),
    ];

    #[test]
    fn released_changes_are_read_and_written_alike() {
        for kind in Changed::KINDS {
            assert!(SAMPLES.iter().any(|(known, _)| known == kind), "a sample of {kind}");
        }
        for (kind, data) in SAMPLES {
            let text = format!(r#"{{"seq":7,"type":"{kind}","version":1,"data":{data}}}"#);
            let change: Change = serde_json::from_str(&text).unwrap();
            let changed = Changed::read(&change).unwrap();
            assert_eq!(serde_json::to_string(&changed.at(7).unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn released_requests_and_pages_are_read() {
        let text = r#"{"v":1,"device_id":"01a1fdf8-4c51-75c4-9c83-8e143a226d60","cursor":0}"#;
        let request: ChangesRequest = serde_json::from_str(text).unwrap();
        assert_eq!((request.limit, request.wait_s, request.loading), (MAX_CHANGES, 0, false));
        assert_eq!(request.feed_id, None);
        let page: ChangesPage =
            serde_json::from_str(r#"{"v":1,"from":0,"cursor":0,"head":0,"changes":[]}"#).unwrap();
        assert_eq!((page.feed_id, page.currency), (None, None));
        let text = r#"{"v":1,"feed_id":"01a1fdf8-4c51-75c4-9c83-8e143a226d61","currency":"EUR","from":3,"cursor":9,"head":9,"changes":[{"seq":7,"type":"article_withdrawn","version":1,"data":{"sku":"A1"}}]}"#;
        let page: ChangesPage = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&page).unwrap(), text);
    }

    #[test]
    fn what_is_not_known_is_told_by_its_envelope() {
        let change = |kind: &str, version: u16, data: &str| Change {
            seq: 1,
            kind: kind.to_owned(),
            version,
            data: RawValue::from_string(data.to_owned()).unwrap(),
        };
        let fault = |change| Changed::read(&change).unwrap_err();
        assert!(matches!(fault(change("coupon", 1, "{}")), ChangeFault::Unknown(..)));
        assert!(matches!(fault(change("article", 2, "{}")), ChangeFault::Unknown(..)));
        assert!(matches!(fault(change("article", 1, "{}")), ChangeFault::Malformed(_)));
    }

    #[cfg(feature = "grpc")]
    #[test]
    fn the_stream_carries_the_same() {
        use crate::edge::grpc::v1;
        let changes = SAMPLES.iter().zip(1..).map(|((kind, data), seq)| Change {
            seq,
            kind: (*kind).to_owned(),
            version: 1,
            data: RawValue::from_string((*data).to_owned()).unwrap(),
        });
        let page = ChangesPage {
            v: 1,
            feed_id: "01a1fdf8-4c51-75c4-9c83-8e143a226d61".parse().ok(),
            currency: Some(Currency::EUR),
            from: 0,
            cursor: 4,
            head: 9,
            changes: changes.collect(),
        };
        let back = v1::ChangesPage::from(Ok(page.clone())).read().unwrap().unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), serde_json::to_string(&page).unwrap());
        let busy = crate::Problem::from(crate::ErrorCode::Busy).with_retry_after(2);
        let refused = v1::ChangesPage::from(Err(busy.clone())).read().unwrap().unwrap_err();
        assert_eq!((refused.code, refused.retry, refused.retry_after_s), (busy.code, true, Some(2)));
        let request = ChangesRequest {
            v: 1,
            device_id: "01a1fdf8-4c51-75c4-9c83-8e143a226d60".parse().unwrap(),
            feed_id: page.feed_id,
            cursor: 7,
            loading: true,
            limit: 10,
            wait_s: 25,
        };
        assert_eq!(ChangesRequest::try_from(v1::ChangesRequest::from(request.clone())).unwrap(), request);
    }
}
