//! Handlers of transactions, receipts and articles.

use messages::edge::Quantity;
use messages::edge::checkout::{
    AddLine, AddPayment, ArticleList, Discount, Finalise, OpenTransaction, RefundTransaction, SetQuantity,
    TransactionView, VoidTransaction, WholeSale,
};
use messages::{ErrorCode, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::reply::Reply;
use super::route::Call;
use crate::checkout::barcode::{self, Scan};
use crate::checkout::receipt_text;
use crate::store::articles::Key;

type Answer = Result<Reply, Problem>;

/// Open transactions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TransactionList {
    /// The latest first, at most 100.
    pub items: Vec<TransactionView>,
}

pub(super) async fn open(mut call: Call) -> Answer {
    call.body::<OpenTransaction>()?;
    let (caller, once) = (call.caller()?, call.once()?);
    Ok(call.state.till.open(caller, once).await?.into())
}

pub(super) async fn list(call: Call) -> Answer {
    let terminal = call
        .query("terminal_id")
        .map(|text| text.parse())
        .transpose()
        .map_err(|error| Problem::new(ErrorCode::MalformedRequest, format!("terminal_id {error}")))?;
    Reply::json(&TransactionList { items: call.state.till.open_transactions(terminal).await? })
}

pub(super) async fn show(call: Call) -> Answer {
    Reply::json(&call.state.till.show(call.param("transaction")?).await?)
}

pub(super) async fn add_line(mut call: Call) -> Answer {
    let (caller, once, wish) = (call.caller()?, call.once()?, call.body::<AddLine>()?);
    Ok(call.state.till.add_line(call.param("transaction")?, caller, once, wish).await?.into())
}

pub(super) async fn set_quantity(mut call: Call) -> Answer {
    let (caller, once, wish) = (call.caller()?, call.once()?, call.body::<SetQuantity>()?);
    let (id, line) = (call.param("transaction")?, call.param("line")?);
    Ok(call.state.till.set_quantity(id, line, caller, once, wish.quantity).await?.into())
}

pub(super) async fn remove_line(mut call: Call) -> Answer {
    let (caller, once) = (call.caller()?, call.once()?);
    let (id, line) = (call.param("transaction")?, call.param("line")?);
    Ok(call.state.till.set_quantity(id, line, caller, once, Quantity::ZERO).await?.into())
}

pub(super) async fn discount_line(mut call: Call) -> Answer {
    let (caller, once, off) = (call.caller()?, call.once()?, call.body::<Discount>()?);
    let (id, line) = (call.param("transaction")?, call.param("line")?);
    Ok(call.state.till.discount(id, Some(line), caller, once, Some(off)).await?.into())
}

pub(super) async fn full_price_line(mut call: Call) -> Answer {
    let (caller, once) = (call.caller()?, call.once()?);
    let (id, line) = (call.param("transaction")?, call.param("line")?);
    Ok(call.state.till.discount(id, Some(line), caller, once, None).await?.into())
}

pub(super) async fn discount(mut call: Call) -> Answer {
    let (caller, once, off) = (call.caller()?, call.once()?, call.body::<Discount>()?);
    Ok(call.state.till.discount(call.param("transaction")?, None, caller, once, Some(off)).await?.into())
}

pub(super) async fn full_price(mut call: Call) -> Answer {
    let (caller, once) = (call.caller()?, call.once()?);
    Ok(call.state.till.discount(call.param("transaction")?, None, caller, once, None).await?.into())
}

pub(super) async fn pay(mut call: Call) -> Answer {
    let (caller, once, wish) = (call.caller()?, call.once()?, call.body::<AddPayment>()?);
    Ok(call.state.till.pay(call.param("transaction")?, caller, once, wish).await?.into())
}

pub(super) async fn check_payment(mut call: Call) -> Answer {
    let (caller, once) = (call.caller()?, call.once()?);
    let (id, payment) = (call.param("transaction")?, call.param("payment")?);
    Ok(call.state.till.check_payment(id, payment, caller, once).await?.into())
}

pub(super) async fn unpay(mut call: Call) -> Answer {
    let (caller, once) = (call.caller()?, call.once()?);
    let (id, payment) = (call.param("transaction")?, call.param("payment")?);
    Ok(call.state.till.unpay(id, payment, caller, once).await?.into())
}

pub(super) async fn finalise(mut call: Call) -> Answer {
    call.body::<Finalise>()?;
    let (caller, once) = (call.caller()?, call.once()?);
    Ok(call.state.till.finalise(call.param("transaction")?, caller, once).await?.into())
}

pub(super) async fn void(mut call: Call) -> Answer {
    let (caller, once, wish) = (call.caller()?, call.once()?, call.body::<VoidTransaction>()?);
    Ok(call.state.till.void(call.param("transaction")?, caller, once, wish.reason).await?.into())
}

pub(super) async fn refund(mut call: Call) -> Answer {
    let (caller, once, wish) = (call.caller()?, call.once()?, call.body::<RefundTransaction>()?);
    Ok(call.state.till.refund(call.param("transaction")?, caller, once, wish).await?.into())
}

pub(super) async fn sell(mut call: Call) -> Answer {
    let (caller, once, sale) = (call.caller()?, call.once()?, call.body::<WholeSale>()?);
    Ok(call.state.till.sell(caller, once, sale).await?.into())
}

pub(super) async fn receipt(call: Call) -> Answer {
    let receipt = call.state.till.receipt(call.param("transaction")?).await?;
    show_receipt(&call, &receipt)
}

pub(super) async fn receipt_by_number(call: Call) -> Answer {
    let receipt = call.state.till.receipt_by_number(call.param("receipt")?).await?;
    show_receipt(&call, &receipt)
}

fn show_receipt(call: &Call, receipt: &messages::edge::checkout::ReceiptView) -> Answer {
    match call.query("format").as_deref() {
        Some("text") => Ok(Reply::Text(receipt_text::print(receipt))),
        None | Some("json") => Reply::json(receipt),
        Some(other) => {
            let detail = format!("there is no receipt in the format {other}; ask for json or text");
            Err(Problem::new(ErrorCode::MalformedRequest, detail))
        }
    }
}

pub(super) async fn articles(call: Call) -> Answer {
    let text = call.query("q").unwrap_or_default();
    if text.chars().count() > 100 {
        return Err(Problem::new(ErrorCode::MalformedRequest, "q may have at most 100 characters"));
    }
    Reply::json(&ArticleList { items: call.state.till.store.read(move |store| store.search(&text)).await? })
}

/// By article number, or by what was scanned.
pub(super) async fn article(call: Call) -> Answer {
    let text: String = call.param("article")?;
    let scanned = match barcode::read(&text) {
        Ok(Scan::Article(number)) => Some(Key::Barcode(number)),
        Ok(Scan::Plu(plu) | Scan::Weighed { plu, .. } | Scan::Priced { plu, .. }) => Some(Key::Plu(plu)),
        Err(_) => None,
    };
    let sku = Key::Sku(text.clone());
    let found = call
        .state
        .till
        .store
        .read(move |store| match store.article(&sku)? {
            None => scanned.map_or(Ok(None), |key| store.article(&key)),
            found => Ok(found),
        })
        .await?;
    let missing = || Problem::new(ErrorCode::UnknownBarcode, format!("no article has the number {text}"));
    Reply::json(&found.ok_or_else(missing)?)
}
