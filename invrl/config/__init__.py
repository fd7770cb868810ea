"""What a run is made of: `schema.py` declares every setting, `reading.py` reads, checks and writes them.

Standard library, `registry` and `errors` only: `--help` and `config check` start without jax.
To add a setting: a field with a sentence in `schema.py`.
"""
