"""Helpers that plugins and the other distributions may use: the same in all of them, and stable.

Numbers and texts for people (`formatting`, `fill`), parameters with their provenance, progress, files that are written
whole or not at all, tables, and units of time.

>>> from stillhunt.tools import fill
>>> fill("{n:account} {n:uses|use} one template", n=2)
'2 accounts use one template'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stillhunt._facade import offer_names

if TYPE_CHECKING:
    from stillhunt.base import formatting
    from stillhunt.base.container_memory import container_memory
    from stillhunt.base.forced_end import remove_at_forced_end
    from stillhunt.base.formatting import (
        UNSAFE,
        count,
        escape_controls,
        hash_digits,
        number,
        percent,
        plural,
        shorten,
        verb,
    )
    from stillhunt.base.ids import kept_id, visible_id
    from stillhunt.base.installing import install_command
    from stillhunt.base.key_files import LIST_KEYS, PSEUDONYMS_FILE, check_private, keys_folder, read_secret
    from stillhunt.base.parameters import derived, judgement, measured, read_parameters
    from stillhunt.base.progress import Progress, Silent
    from stillhunt.base.redaction import redacted
    from stillhunt.base.shape import TIMESTAMP, Table
    from stillhunt.base.table_files import csv_bytes, parquet_bytes, table_of_parquet, write_whole
    from stillhunt.base.units import DAY, HOUR, MILLISECOND, MINUTE, SECOND
    from stillhunt.base.wording import fill
    from stillhunt.decide.names import label_text, name_of_person, note_of
else:
    __all__, __getattr__ = offer_names(__file__, __name__)
