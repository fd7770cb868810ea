"""The page: its sections in order, its style sheet, and the file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from invrl import __version__
from invrl.demand.timestep import spoken
from invrl.report import classes, data, frontier, grid, headline, learning, manifest, pairs, policies, tuning
from invrl.report.facts import Facts
from invrl.tables.whole import refuse_existing, write_text

SECTIONS: dict[str, tuple[str, Callable[[Facts], str]]] = {
    "grid": ("Grid", grid.section),
    "frontier": ("Frontier", frontier.section),
    "learning": ("Learning", learning.section),
    "tuning": ("Tuning", tuning.section),
    "classes": ("Classes", classes.section),
    "pairs": ("Pairs", pairs.section),
    "policy": ("Policy", policies.section),
    "data": ("Data", data.section),
    "manifest": ("Manifest", manifest.section),
}
"""Key (the anchor) -> name in the menu, and the section; an empty section is left out."""


def render(facts: Facts, watch: Callable[[str], None] | None = None) -> str:
    """The whole page as text; needs no network, no script and no other file.

    Args:
        watch: called with the name of each section before it is made.
    """
    made = {}
    for key, (name, make) in SECTIONS.items():
        if watch:
            watch(name)
        made[key] = make(facts)
    menu = "".join(f'<a href="#{key}">{SECTIONS[key][0]}</a>' for key, body in made.items() if body)
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    title = headline.title(facts)
    step = facts.experiment.panel.step
    made = {key: spoken(body, step) for key, body in made.items()}
    today = f"{datetime.now(UTC):%-d %B %Y}"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>\n{style}</style></head><body>"
        f"<header><h1>{escape(title)}</h1>{spoken(headline.section(facts), step)}</header><nav>{menu}</nav>"
        f"<main>{''.join(made.values())}</main>"
        f"<footer>Made by invrl {__version__} on {today}.</footer></body></html>\n"
    )


def write(text: str, path: Path) -> None:
    """Write a new file, whole or not at all.

    Raises:
        InvrlError: the file exists already, or cannot be written.
    """
    refuse_existing(path)
    write_text(path, text)
