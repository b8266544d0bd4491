"""Files, tables and vendor logs become the tables REQUESTS, ACCOUNTS and REJECTS.

One line of a log becomes one row of REQUESTS in these functions, in this order:

1. `locate.catalog.find_inputs` finds the file, and `read.recognise.open_reader` recognises its format by content.
2. `decode.record_readers.framed_records` cuts the record of a vendor's log out of the file, and the format's own
   `formats.source.Source.rows` maps its fields to our columns; `decode.lines.JsonReader.batches` and its siblings for
   CSV and Parquet do both for files that have our columns. The result is a `values.fields.RawBatch`.
3. `normalise.standardise.standardise_requests` checks every value; a row with a wrong value goes to REJECTS.
4. `join.log_join.join_logs` joins the row with rows of other logs that record the same call.
5. `read.history_cuts.HistoryCuts.cut` removes from the prompt what only repeats earlier calls.
6. `read.request_log.RequestLog.batches` passes the row on.

The rooms are layers, which import-linter enforces: values; formats and locate; decode; normalise; input_doubts and
history; join; read; inspection. A room imports only rooms before it.
"""

from stillhunt.collect.inspection import FamilyCoverage, coverage
from stillhunt.collect.read.accounts import open_accounts
from stillhunt.collect.read.input_stats import InputFacts, InputFile, LogFacts
from stillhunt.collect.read.request_log import RequestLog, open_requests
