"""Incumbent policies, tuned by search on the simulator."""
