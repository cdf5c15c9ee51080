-- The catalogue comes down from the hub. A whole one is taken over beside the one that tills sell from: each belongs to a
-- generation, and which of them is live is one value.
create table catalogue (
    one integer primary key check (one = 1),
    live integer not null,
    -- The life of the hub's stream; absent while the store has a catalogue of its own.
    feed blob,
    cursor integer not null,
    head integer not null,
    -- The generation that is being taken over, if one is, and how far.
    loading integer,
    load_feed blob,
    load_cursor integer not null,
    load_until integer not null,
    -- The last generation that was given.
    last_generation integer not null,
    changed_at integer,
    confirmed_at integer,
    left_out integer not null,
    -- The whole of it is wanted once more.
    renew integer not null,
    last_error text
);
insert into catalogue values (1, 1, null, 0, 0, null, null, 0, 0, 1, null, null, 0, 0, null);

drop index articles_name;
drop index barcodes_sku;
alter table barcodes rename to barcodes_1;
alter table articles rename to articles_1;

create table articles (
    generation integer not null,
    sku text not null,
    name text not null,
    category text not null,
    unit text not null,
    price integer not null,
    tax_rate integer not null,
    weighed integer not null,
    plu integer,
    blocked text,
    bundle_pieces integer,
    bundle_price integer,
    barcode text,
    updated_at integer not null,
    primary key (generation, sku)
) without rowid;
create index articles_name on articles (generation, name collate nocase);
create unique index articles_plu on articles (generation, plu) where plu is not null;

-- All numbers an article is scanned by.
create table barcodes (
    generation integer not null,
    barcode text not null,
    sku text not null,
    primary key (generation, barcode)
) without rowid;
create index barcodes_sku on barcodes (generation, sku);

insert into articles
    select 1, sku, name, category, unit, price, tax_rate, weighed, plu, blocked, bundle_pieces, bundle_price, barcode,
        updated_at from articles_1;
insert into barcodes select 1, barcode, sku from barcodes_1;
drop table barcodes_1;
drop table articles_1;

-- Corrections of stock that were carried out, by the event that tells so: once, whatever comes down again.
create table corrections (
    event_id blob primary key,
    at integer not null
) without rowid;
