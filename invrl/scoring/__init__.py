"""How good a policy is: rules simulated exactly, measures with intervals, comparisons, traces.

Imports `experiment` and what is below it. To add a measure: one line each in `metrics.measures` and
`metrics.MEASURES`; tables and files follow.
"""
