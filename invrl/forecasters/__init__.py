"""Forecasters: from a panel's past to forecasts by rolling origins, for planners who have none.

To add one: a function like those in `seasonal.py`, and a line in FORECASTERS of `registry.py`.
"""
