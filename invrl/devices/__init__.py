"""Room devices."""
