"""The pages of documentation: every command and option they show exists, every link leads somewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from invrl.cli import app

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    *(page for room in ("experiments", "invrl/docs") for page in sorted((ROOT / room).glob("*.md"))),
]


def shown(page: Path) -> Iterator[list[str]]:
    """The words of every `invrl ...` line in the blocks of code."""
    for block in re.findall(r"```\n(.*?)```", page.read_text(encoding="utf-8"), re.S):
        for line in block.replace("\\\n", " ").splitlines():
            if line.removeprefix("$ ").startswith("invrl "):
                yield shlex.split(line.removeprefix("$ "), comments=True)[1:]


def found(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the words name, and the rest of them."""
    command: Any = get_command(app)
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_options_exist(page: Path) -> None:
    for words in shown(page):
        command, rest = found(words)
        known = {
            name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)
        }
        options = {word.partition("=")[0] for word in rest if word.startswith("--")}
        assert options <= known, f"invrl {' '.join(words)}"


def test_every_command_has_its_place() -> None:
    """A heading of `commands.md` for each command."""
    text = (ROOT / "invrl/docs/commands.md").read_text(encoding="utf-8")
    for name in get_command(app).commands:  # type: ignore[attr-defined]
        assert re.search(rf"^## .*\b{name}\b", text, re.M), f"no section for {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


FILE = re.compile(r"`((?:[a-z_]+/)*[a-zA-Z_0-9]+(?:\.py|/))`")
WRITTEN = [*PAGES, *sorted((ROOT / "invrl").rglob("*.py")), *sorted((ROOT / "scripts").glob("*.py"))]


def test_the_files_that_are_named_exist() -> None:
    """Every file in backquotes in a page, a docstring or a comment: relative to the package, the checkout
    or the one who names it."""
    stale = [
        f"{page.relative_to(ROOT)}: {name}"
        for page in WRITTEN
        for name in FILE.findall(page.read_text(encoding="utf-8"))
        if name.endswith(".py")
        and not any((place / name).exists() for place in (ROOT / "invrl", ROOT, page.parent))
    ]
    assert not stale


def test_the_architecture_page_names_every_room() -> None:
    text = (ROOT / "invrl/docs/architecture.md").read_text(encoding="utf-8")
    named = FILE.findall(text)
    assert len(named) > 25
    assert not [name for name in named if not ((ROOT / "invrl" / name).exists() or (ROOT / name).exists())]
    rooms = {path.name for path in (ROOT / "invrl").iterdir() if (path / "__init__.py").exists()}
    picture = text.split("```")[1]
    assert not [room for room in rooms if not re.search(rf"\b{room}\b", picture)]
