"""The same upsert with pandas, as it is usually written with care: chunks, vectorised columns, COPY into a staging table, one INSERT .. ON CONFLICT.

The connection is that of PGHOST, PGPORT and so on.
"""
import io
import sys
import warnings

import pandas
import psycopg2

CHUNK = 100_000
COLUMNS = ["order_id", "customer_id", "status", "amount", "currency", "created_at", "updated_at", "email", "note", "is_gift"]
OUT = COLUMNS + ["size", "day"]

# pandas warns of every connection that is not SQLAlchemy's.
warnings.filterwarnings("ignore", category=UserWarning)

select, target, upsert = sys.argv[1:4]
source = psycopg2.connect("options='-c TimeZone=UTC'")
warehouse = psycopg2.connect("options='-c TimeZone=UTC'")
warehouse.cursor().execute(f"CREATE TEMP TABLE staged (LIKE {target})")
reader = source.cursor(name="orders")
reader.itersize = CHUNK
reader.execute(select)
while rows := reader.fetchmany(CHUNK):
    frame = pandas.DataFrame.from_records(rows, columns=COLUMNS)
    frame["status"] = frame["status"].str.strip().str.lower()
    frame["email"] = frame["email"].str.strip().str.lower()
    frame["currency"] = frame["currency"].str.upper()
    frame["note"] = frame["note"].fillna("")
    amount = frame["amount"].astype(float)
    frame["size"] = "large"
    frame.loc[amount < 5000, "size"] = "medium"
    frame.loc[amount < 50, "size"] = "small"
    frame["day"] = pandas.to_datetime(frame["created_at"], utc=True).dt.date
    text = io.StringIO()
    # An empty text and NULL look the same in CSV unless texts are quoted; no column has a NULL any more.
    frame.to_csv(text, columns=OUT, index=False, header=False)
    text.seek(0)
    warehouse.cursor().copy_expert("COPY staged FROM STDIN (FORMAT CSV, FORCE_NOT_NULL (note))", text)
warehouse.cursor().execute(upsert)
warehouse.commit()
