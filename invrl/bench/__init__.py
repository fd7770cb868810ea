"""How fast this machine is: cases, the work they time, the machine's own limits.

Imports anything below `cli`. To time something else: one function and one line in `workloads.WORKS`.
"""
