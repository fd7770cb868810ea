"""Demand panels: structure, generators, files, features."""
