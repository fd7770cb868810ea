"""What the terminal sees: data on stdout, messages on stderr."""

from __future__ import annotations

import csv
import io
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from invrl.errors import InvrlError, nearest
from invrl.tables.whole import guarded, refuse_existing, write_text

FORMATS = ("table", "markdown", "csv", "latex", "json")

Format = Annotated[
    str,
    typer.Option(
        "--format", help="Output format: table, markdown, csv, latex or json.", rich_help_panel="Output"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="The same as --format json.", rich_help_panel="Output")]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Write to this new file, not to the terminal.", rich_help_panel="Output"),
]


CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}
"""Characters that a terminal obeys -> how they are shown."""


_STEP = ["day"]


def speak_of(step: str) -> None:
    """From here on, what people read speaks of the data's time step where it would say day; JSON does not."""
    _STEP[0] = step


def _spoken(text: str) -> str:
    from invrl.demand.timestep import spoken

    return text if _STEP[0] == "day" else spoken(text, _STEP[0])


def say(text: str = "", style: str = "") -> None:
    """One line of a message, on stderr; markup and control characters in it do nothing."""
    from rich.console import Console

    Console(stderr=True, highlight=False).print(_inert(_spoken(text), style), soft_wrap=True)


def _inert(text: str, style: str = "") -> Any:
    from rich.text import Text

    return Text(text.translate(CONTROL), style)


def tell(text: str) -> None:
    """Text on stdout, in which control characters do nothing."""
    print(text.translate(CONTROL))


def escaped(text: str) -> str:
    """A name within rich markup: neither its brackets nor its control characters do anything."""
    from rich.markup import escape

    return escape(text.translate(CONTROL))


def fail(error: InvrlError) -> None:
    """`error:` one sentence, a blank line, `hint:` one action."""
    print(f"error: {error.message.translate(CONTROL)}", file=sys.stderr)
    if error.hint:
        print(f"\nhint: {error.hint.translate(CONTROL)}", file=sys.stderr)


def emit(
    rows: Sequence[Mapping[str, Any]],
    *,
    format: str = "table",
    json_flag: bool = False,
    out: Path | None = None,
    title: str = "",
    payload: Any = None,
) -> None:
    """Print rows (all with the same keys) in the wanted format, or write them to a new file.

    Args:
        rows: one mapping per line; cells are text, numbers or None.
        payload: what `json` prints instead of the rows.

    Raises:
        InvrlError: unknown format, or `out` exists already.
    """
    format = checked("json" if json_flag else format)
    if format != "json":
        title, rows = _spoken(title), [{_spoken(name): row[name] for name in row} for row in rows]
    if format == "table" and out is None:
        _print_table(rows, title)
        return
    text = render(rows, "markdown" if format == "table" else format, payload)
    if out is None:
        tell(text)
        return
    refuse_existing(out)
    write_text(out, text + "\n")
    say(f"wrote {out}")


def checked(format: str) -> str:
    """The format.

    Raises:
        InvrlError: there is no such one.
    """
    if format not in FORMATS:
        raise InvrlError(f"no format `{format}`", hint=nearest(format, FORMATS))
    return format


def render(rows: Sequence[Mapping[str, Any]], format: str, payload: Any = None) -> str:
    """Rows as markdown, csv, latex or json text."""
    if format == "json":
        from invrl.runs import strict

        return strict.text(rows if payload is None else payload, indent=2)
    names = list(rows[0]) if rows else []
    cells = [[cell(row[name]) for name in names] for row in rows]
    if format == "csv":
        buffer = io.StringIO()
        texts = ([guarded(v) if isinstance(v, str) else v for v in row.values()] for row in rows)
        csv.writer(buffer, lineterminator="\n").writerows([names, *texts])
        return buffer.getvalue().rstrip("\n")
    if format == "latex":
        body = [" & ".join(_latex(c) for c in line) + r" \\" for line in [names, *cells]]
        head = [r"\begin{tabular}{l" + "r" * (len(names) - 1) + "}", r"\hline", body[0], r"\hline"]
        return "\n".join([*head, *body[1:], r"\hline", r"\end{tabular}"])
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |"
        for line in [names, *cells]
    ]
    rule = "|" + "|".join("-" * (w + 2) for w in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def cell(value: Any) -> str:
    """One cell as text: four significant digits for numbers, `-` for none."""
    if value is None or isinstance(value, float) and math.isnan(value):
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("\n", "\\n")


def _print_table(rows: Sequence[Mapping[str, Any]], title: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    table = Table(
        title=_inert(title) if title else None,
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for name in rows[0] if rows else []:
        numeric = all(_is_figure(row[name]) for row in rows)
        words = " ".join([name, *(cell(row[name]) for row in rows)]).split()
        longest = max(map(cell_len, words), default=0)
        table.add_column(_inert(name), justify="right" if numeric else "left", min_width=longest)
    for row in rows:
        table.add_row(*(_inert(cell(value)) for value in row.values()))
    width = None if sys.stdout.isatty() else 200  # a file or a pipe has room: nothing is cut off
    console = Console(highlight=False, width=width)
    if Measurement.get(console, console.options.update(width=10_000), table).minimum <= console.width:
        console.print(table)
        return
    if title:
        console.print(_inert(title), soft_wrap=True)
    for row in rows:  # a narrow terminal: no name is cut off
        lines = (f"{name}: {cell(value)}" for name, value in row.items())
        console.print(_inert("\n  ".join(lines)), soft_wrap=True)


def _is_figure(value: Any) -> bool:
    """A number, none, or text that begins like one (`+1.2 ±0.3`)."""
    return not isinstance(value, str) or value == "" or value.lstrip("+-")[:1].isdigit() or value == "-"


def _latex(text: str) -> str:
    for char in "&%_#":
        text = text.replace(char, "\\" + char)
    return text
