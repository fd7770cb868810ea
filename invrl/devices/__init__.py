"""Where arrays live: blocks over cores and GPUs, several hosts, memory.

Imports `config` and `errors`; everything that simulates imports `placement`.
To change how pairs spread over devices: `placement.py`, nowhere else.
"""
