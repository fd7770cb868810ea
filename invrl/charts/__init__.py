"""Pictures: SVG for the report page, learning curves.

Imports `runs` for the logs. To add a chart: a function from arrays to SVG text.
"""
