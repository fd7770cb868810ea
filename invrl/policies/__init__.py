"""Policies: one network, four forms of its output."""
