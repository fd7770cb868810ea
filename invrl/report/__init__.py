"""A report people look at: one self-contained page about one run or a directory of runs.

`page.py` puts the sections in order; every other file is one section: what it computes from
the runs, what it draws, and the words under it. A section that has nothing to show is empty.
"""
