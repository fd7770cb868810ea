"""Where demand comes from: each source makes one `Panel`.

Imports `demand` and `tables`. To add a source: one function that returns a `Panel`, one line in the
registry's SOURCES; its arguments are its options.
"""
