"""The column contracts between the rooms, one module each, checked at every write and every read.

Every artefact is a Parquet file (zstd), tidy and keyed by ids. The identity of what made it travels in the file's own
metadata, so that a reader can refuse a file that today's configuration and code would not make.
"""
