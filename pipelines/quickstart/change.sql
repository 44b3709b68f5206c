-- A minute of business later: some 1,200 changes of each kind that a pipeline must get right, newer than all before.
-- Run it as often as you like: sqlite3 shop.db < change.sql
begin;

create temp table change as select cast(strftime('%s', max(updated_at)) as integer) + 60 as at, max(order_id) as last from orders;

-- What becomes of each order: 0-2 updated, 3 deleted, 4 moved to another day, 5 turned bad, 6 repaired, 7 touched.
create temp table chosen as
select order_id, x * x % 2147483647 % 1000 as kind, strftime('%Y-%m-%dT%H:%M:%SZ', at + order_id % 60, 'unixepoch') as changed_at
from (select order_id, at, (order_id * 48271 + at) % 2147483647 as x from orders, change) as o;
delete from chosen where kind > 7 and order_id not in (select order_id from orders where amount <= 0 and order_id % 8 = 0);
update chosen set kind = 6 where kind > 7;

update orders set status = case when trim(lower(status)) = 'new' then 'paid' else 'sent' end, amount = round(amount + 1, 2), updated_at = c.changed_at
from chosen as c where c.order_id = orders.order_id and c.kind < 3 and amount > 0;

update orders set deleted_at = c.changed_at, updated_at = c.changed_at
from chosen as c where c.order_id = orders.order_id and c.kind = 3;

update orders set created_at = strftime('%Y-%m-%dT%H:%M:%SZ', created_at, '+1 day'), updated_at = c.changed_at
from chosen as c where c.order_id = orders.order_id and c.kind = 4;

update orders set amount = -amount, updated_at = c.changed_at
from chosen as c where c.order_id = orders.order_id and c.kind = 5 and amount > 0 and orders.order_id % 4 = 0;

update orders set amount = 19.99, status = 'paid', updated_at = c.changed_at
from chosen as c where c.order_id = orders.order_id and c.kind = 6 and amount <= 0;

update orders set updated_at = c.changed_at
from chosen as c where c.order_id = orders.order_id and c.kind = 7;

insert into orders
select
  last + order_id, 'R' || (10000000 + last + order_id), customer_id, email, 'new', currency, abs(amount), note,
  strftime('%Y-%m-%dT%H:%M:%SZ', at + order_id % 60, 'unixepoch'), strftime('%Y-%m-%dT%H:%M:%SZ', at + order_id % 60, 'unixepoch'), null
from orders, change where order_id <= 200;

drop table chosen;
drop table change;
commit;
