"""Sources: raw tables, described by a YAML file (made by a generator or read from files) or imported and stored.

One module per kind of place: `csv_files`, `parquet_files`, `sqlite`, `postgres`, `dumps`; `remote` fetches what is
behind a URL. `described` and `stored` are what a job reads from.
"""

from sandbox_suite.datasets.sources.described import Described, load
from sandbox_suite.datasets.sources.document import SourceDocument
from sandbox_suite.datasets.sources.model import ROW_GROUP, Column, Source, Table
from sandbox_suite.datasets.sources.stored import Stored

__all__ = ["ROW_GROUP", "Column", "Described", "Source", "SourceDocument", "Stored", "Table", "load"]
