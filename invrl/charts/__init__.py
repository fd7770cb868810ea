"""Room charts."""
