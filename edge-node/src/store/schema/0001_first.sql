-- Identifiers are 16 bytes, amounts whole minor units, quantities thousandths, times Unix milliseconds.

-- This installation: one row.
create table installation (
    one integer primary key check (one = 1),
    device_id blob not null,
    -- One life of the outbox; sequence numbers count within it.
    stream_id blob not null,
    series text not null,
    -- What the machine and the folder looked like, to notice a copy.
    fingerprint text not null,
    created_at integer not null
);

-- Every series this file ever had, with the next number. A series is never opened twice.
create table series (
    series text primary key,
    next integer not null,
    opened_at integer not null
) without rowid;

-- Where the outbox and the catalogue stand with the hub: one row.
create table sync (
    one integer primary key check (one = 1),
    last_seq integer not null,
    settled_seq integer not null,
    last_sent_at integer,
    attempts integer not null,
    last_error text,
    -- Of what comes down from the hub.
    catalogue_cursor text
);

-- Devices of this store, this one among them.
create table devices (
    device_id blob primary key,
    name text not null,
    seen_at integer not null
) without rowid;

create table articles (
    sku text primary key,
    name text not null,
    category text not null,
    unit text not null,
    price integer not null,
    tax_rate integer not null,
    weighed integer not null,
    plu integer unique,
    blocked text,
    bundle_pieces integer,
    bundle_price integer,
    barcode text,
    updated_at integer not null
) without rowid;
create index articles_name on articles (name collate nocase);

-- All numbers an article is scanned by.
create table barcodes (
    barcode text primary key,
    sku text not null references articles (sku) on delete cascade
) without rowid;
create index barcodes_sku on barcodes (sku);

create table inventory (
    sku text primary key,
    on_hand integer not null
) without rowid;

create table stock_movements (
    id integer primary key,
    sku text not null,
    delta integer not null,
    reason text not null,
    transaction_id blob,
    at integer not null
);

-- Open transactions, whole.
create table baskets (
    id blob primary key,
    terminal text not null,
    body text not null,
    changed_at integer not null
) without rowid;

create table transactions (
    id blob primary key,
    receipt text not null unique,
    refund_of blob references transactions (id),
    state text not null,
    terminal text not null,
    cashier text not null,
    currency text not null,
    opened_at integer not null,
    finalised_at integer not null,
    discount text,
    reason text,
    gross integer not null,
    discounted integer not null,
    net integer not null,
    tax integer not null,
    total integer not null,
    rounding integer not null
) without rowid;
create index transactions_refund on transactions (refund_of) where refund_of is not null;

create table lines (
    transaction_id blob not null references transactions (id),
    line integer not null,
    sku text not null,
    name text not null,
    barcode text,
    unit text not null,
    quantity integer not null,
    unit_price integer not null,
    gross integer not null,
    discount integer not null,
    tax_rate integer not null,
    net integer not null,
    tax integer not null,
    total integer not null,
    primary key (transaction_id, line)
) without rowid;

create table payments (
    transaction_id blob not null references transactions (id),
    id blob not null,
    kind text not null,
    amount integer not null,
    tendered integer,
    change_given integer,
    reference text,
    at integer not null,
    primary key (transaction_id, id)
) without rowid;

-- What head office is to be told, in the order in which it happened.
create table outbox (
    seq integer primary key,
    event_id blob not null,
    kind text not null,
    version integer not null,
    occurred_at integer not null,
    data text not null
);

-- Events that were set aside, by the hub or because no hub takes them.
create table parked (
    event_id blob primary key,
    seq integer not null,
    kind text not null,
    version integer not null,
    occurred_at integer not null,
    parked_at integer not null,
    code text not null,
    detail text not null,
    at_hub integer not null,
    data text not null
) without rowid;

-- What a write was answered with, so that a repetition is answered alike.
create table repeats (
    terminal text not null,
    key text not null,
    request blob not null,
    status integer not null,
    body text not null,
    at integer not null,
    primary key (terminal, key)
) without rowid;
create index repeats_at on repeats (at);
