"""The study: many configurations trained as one program, and what tuning effort buys."""
