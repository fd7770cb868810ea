"""`python -m invrl`."""

from invrl.cli import main

main()
