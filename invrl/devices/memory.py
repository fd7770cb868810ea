"""The memory of this host; loads no jax, as reading data does not."""

from __future__ import annotations

import os

from invrl.errors import InvrlError


def host_memory() -> int:
    """Bytes of this host."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def refuse_too_large(pairs: int, days: int, columns: int = 1) -> None:
    """Say so, before they are made, if the dense columns [T, N] of a panel do not fit this host."""
    need, have = 4 * pairs * days * columns, host_memory()
    if need > have:
        raise InvrlError(
            f"a panel of {pairs:,} pairs x {days:,} days takes {need / 1e9:,.0f} GB of {have / 1e9:,.0f} GB",
            hint="take fewer pairs or days, or a machine with more memory",
        )
