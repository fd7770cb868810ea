"""Files of rows: opening CSV and Parquet, finding columns, reading in chunks.

Knows nothing of demand; `sources`, `recommend` and `pilot` read through it.
To accept another file format: a branch in `open.py`.
"""
