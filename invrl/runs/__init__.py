"""What a run keeps on disk: its directory, log and manifest, and its checkpoints.

Imports `config` and `errors`; does not know what an experiment is.
To keep another file of a run: a property of `directory.Run`.
"""
