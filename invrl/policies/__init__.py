"""Policies: one network, the forms of its output."""
