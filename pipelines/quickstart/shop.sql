-- A shop's database in SQLite: 5,000 customers and 100,000 orders of 90 days from 2026-06-01, the same each time.
-- Values come from squares modulo a prime instead of random(); shop.postgres.sql makes equal rows.
-- The dirt is that of real tables: blanks, mixed case, NULLs and empty strings, amounts of zero and below, statuses, currencies
-- and customers that do not exist, orders entered twice (one external_ref, two order_ids), late updates, equal updated_at.

create table customers (
  customer_id integer primary key,
  name        text,
  country     text,
  segment     text,
  created_at  timestamptz not null
);

create table orders (
  order_id     integer primary key,
  external_ref text not null,
  customer_id  integer,
  email        text,
  status       text,
  currency     text,
  amount       decimal(12,2),
  note         text,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  deleted_at   timestamptz
);

with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000),
x as (select i, (i * 48271 + 69621) % 2147483647 as x1, (i * 48271 + 139242) % 2147483647 as x2, (i * 48271 + 208863) % 2147483647 as x3 from n),
h as (select i, x1 * x1 % 2147483647 as h1, x2 * x2 % 2147483647 as h2, x3 * x3 % 2147483647 as h3 from x)
insert into customers
select
  i,
  case h1 % 12 when 0 then 'Ada' when 1 then 'Björn' when 2 then 'Chloé' when 3 then 'Dmitri' when 4 then 'Eva' when 5 then 'Farid'
    when 6 then 'Grace' when 7 then 'Hiro' when 8 then 'Inés' when 9 then 'Jan' when 10 then ' Kim ' else 'Łucja' end
    || ' ' || case h2 % 8 when 0 then 'Smith' when 1 then 'Müller' when 2 then 'O''Brien' when 3 then 'García' when 4 then 'de Vries' when 5 then 'Rossi'
    when 6 then 'Nowak' else 'Tanaka' end,
  case when h2 % 100 = 0 then null when h2 % 100 = 1 then 'de' else
    case h3 % 7 when 0 then 'DE' when 1 then 'FR' when 2 then 'NL' when 3 then 'ES' when 4 then 'IT' when 5 then 'PL' else 'US' end end,
  case when h3 % 10 = 0 then 'wholesale' when h3 % 10 < 4 then 'member' else 'guest' end,
  strftime('%Y-%m-%dT%H:%M:%SZ', 1751328000 + h1 % 28857600, 'unixepoch')
from h;

-- j is the order that the content comes from: every 97th order repeats the one before it under a new order_id.
with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000),
s as (select i, case when i % 97 = 0 then i - 1 else i end as j from n),
x as (
  select i, j,
    (j * 48271 + 278484) % 2147483647 as x1, (j * 48271 + 348105) % 2147483647 as x2, (j * 48271 + 417726) % 2147483647 as x3,
    (j * 48271 + 487347) % 2147483647 as x4, (j * 48271 + 556968) % 2147483647 as x5, (j * 48271 + 626589) % 2147483647 as x6,
    (j * 48271 + 696210) % 2147483647 as x7, (i * 48271 + 765831) % 2147483647 as x8
  from s),
h as (
  select i, j,
    x1 * x1 % 2147483647 as h1, x2 * x2 % 2147483647 as h2, x3 * x3 % 2147483647 as h3, x4 * x4 % 2147483647 as h4,
    x5 * x5 % 2147483647 as h5, x6 * x6 % 2147483647 as h6, x7 * x7 % 2147483647 as h7, x8 * x8 % 2147483647 as h8
  from x),
t as (select h.*, 1 + h1 % 5020 as customer, 1780272000 + i * 7776 / 100 + h8 % 600 as created from h),
u as (
  select t.*, case
    when h8 % 100 < 3 then created + 2592000 + h7 % 2592000
    when h8 % 100 < 25 then (created / 3600 + 1) * 3600
    else created + h7 % 172800 end as updated
  from t)
insert into orders
select
  i,
  'R' || (10000000 + j),
  case when h1 % 500 = 0 then null else customer end,
  case
    when h2 % 200 = 0 then null
    when h2 % 200 < 3 then ''
    when h2 % 200 < 5 then 'user' || customer || '.example.com'
    when h2 % 200 < 12 then 'USER' || customer || '@Example.COM'
    when h2 % 200 < 18 then '  user' || customer || '@example.com '
    else 'user' || customer || '@example.com' end,
  case
    when h3 % 1000 < 2 then null
    when h3 % 1000 < 5 then 'refnd'
    when h3 % 1000 < 7 then ''
    when h3 % 1000 < 30 then 'Paid'
    when h3 % 1000 < 50 then 'SENT'
    when h3 % 1000 < 70 then 'paid '
    when h3 % 1000 < 200 then 'new'
    when h3 % 1000 < 240 then 'cancelled'
    when h3 % 1000 < 500 then 'paid'
    else 'sent' end,
  case
    when h4 % 1000 < 20 then null
    when h4 % 1000 < 30 then ''
    when h4 % 1000 < 40 then 'eur'
    when h4 % 1000 < 43 then 'XXX'
    when h4 % 1000 < 230 then 'USD'
    when h4 % 1000 < 300 then 'GBP'
    else 'EUR' end,
  case
    when h5 % 1000 < 2 then null
    when h5 % 1000 < 6 then 0
    when h5 % 1000 < 10 then -(100 + h6 % 20000)
    when h5 % 1000 = 10 then 1000000 + h6 % 90000000
    else 100 + h6 % 50000 end / 100.0,
  case
    when h7 % 20 < 12 then null
    when h7 % 20 < 14 then ''
    when h7 % 20 = 14 then '   '
    when h7 % 20 = 15 then 'gift, "wrapped"'
    when h7 % 20 = 16 then 'leave at the neighbour''s'
    when h7 % 20 = 17 then 'très pressé – 2. Stock'
    when h7 % 20 = 18 then 'ring twice' || char(10) || 'then wait'
    else 'order ' || j end,
  strftime('%Y-%m-%dT%H:%M:%SZ', created, 'unixepoch'),
  strftime('%Y-%m-%dT%H:%M:%SZ', updated, 'unixepoch'),
  case when h8 % 101 = 7 then strftime('%Y-%m-%dT%H:%M:%SZ', updated, 'unixepoch') end
from u;

create index orders_updated_at on orders (updated_at, order_id);
