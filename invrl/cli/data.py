"""`invrl data`: make, import and describe demand panels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from invrl.cli import forecast, uncensor
from invrl.cli.console import Format, Json, Out, emit, say
from invrl.cli.options import name_unread, say_alike
from invrl.errors import InvrlError, nearest
from invrl.registry import SOURCES

if TYPE_CHECKING:
    from invrl.config.schema import Data

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Make, import and describe demand panels."
)

SUFFIXES = (".csv", ".tsv", ".txt", ".gz", ".parquet", ".pq")
DRAWN = [name for name in SOURCES if name != "file"]
PanelFile = Annotated[
    Path, typer.Option("--out", help="New file: .parquet or .csv.", rich_help_panel="Output")
]
Config = Annotated[str | None, typer.Option("--config", help=r"Use the \[data] table of this config.")]


def _option(metavar: str, help: str) -> Any:
    return typer.Option(metavar=metavar, help=help, rich_help_panel="Columns", show_default=False)


def _words(help: str) -> Any:
    return typer.Argument(metavar="KEY=VALUE", help=help, show_default=False)


@app.command(
    epilog="""Examples:

invrl data make retail --out shop.parquet pairs=1000 days=120

invrl data make lost-sales --out poisson.csv mean=5 lead_time=4"""
)
def make(
    source: Annotated[str, typer.Argument(help=f"The source: {', '.join(DRAWN)}.")],
    out: PanelFile,
    options: Annotated[list[str] | None, _words("Options of the source, such as pairs=1000.")] = None,
) -> None:
    """Draw a panel from a source and write it to a new file."""
    from invrl.sources.files import check_new

    if source not in DRAWN:
        is_file = source == "file" or Path(source).exists()
        hint = "`invrl data import` takes files" if is_file else nearest(source, DRAWN)
        raise InvrlError(f"no source `{source}` to draw from", hint=hint)
    check_new(out)
    _write(_data(source, None, options), out)


@app.command(
    "import",
    epilog="""Examples:

invrl data import sales.csv --out shop.parquet --column demand=qty --gaps zero

invrl data import lines.csv --out shop.parquet --sum --returns net --date-format '%m/%d/%Y %H:%M'""",
)
def import_(
    file: Annotated[
        str, typer.Argument(help="CSV or Parquet: a row per pair and day, or (M5) a row per pair.")
    ],
    out: PanelFile,
    words: Annotated[list[str] | None, _words(r"Overrides of the \[data] table.")] = None,
    config: Config = None,
    column: Annotated[
        list[str] | None, _option("OURS=THEIRS", "What the file calls a column; repeatable.")
    ] = None,
    ahead: Annotated[str, _option("A,B,...", "Columns known before the day, such as promotions.")] = "",
    after: Annotated[
        str, _option("A,B,...", "Columns known only after the day, such as stockout hours.")
    ] = "",
    static: Annotated[str, _option("A,B,...", "Columns constant per pair, such as the city.")] = "",
    sum_: Annotated[
        bool,
        typer.Option("--sum", help="Rows are order lines: add up each day.", rich_help_panel="Columns"),
    ] = False,
    returns: Annotated[
        str, _option("drop|net", "With --sum: drop negative lines, or net them against their day.")
    ] = "",
    date_format: Annotated[str, _option("FORMAT", r"Format of the dates, such as '%m/%d/%Y %H:%M'.")] = "",
    encoding: Annotated[str, _option("NAME", "Encoding of a CSV file, such as latin-1.")] = "",
    gaps: Annotated[
        str, _option("error|zero|listed", "What a missing row means: an error, no demand, or not for sale.")
    ] = "",
    knowledge: Annotated[
        str,
        _option(
            "known|censored|uncensored", "What the demand column is; sales cut by stockouts are censored."
        ),
    ] = "",
) -> None:
    """Check a file and write it as a panel, which is then read without settings."""
    from invrl.sources.files import check_new

    check_new(out)
    flags = [f"data.columns.{word}" for word in column or ()]
    lists = {"ahead": ahead, "after": after, "static": static}
    flags += [f"data.{kind}={json.dumps(names.split(','))}" for kind, names in lists.items() if names]
    choices = {"gaps": gaps, "knowledge": knowledge, "options.sum_lines": "true" if sum_ else ""}
    choices |= {"options.returns": returns, "options.date_format": date_format, "options.encoding": encoding}
    flags += [f"data.{name}={choice}" for name, choice in choices.items() if choice]
    _write(_data(file, config, [*flags, *(words or ())], is_file=True), out)


@app.command(
    epilog="""Examples:

invrl data describe shop.parquet

invrl data describe retail pairs=1000 --json"""
)
def describe(
    target: Annotated[
        str, typer.Argument(metavar="FILE|SOURCE", help="A panel file, or a source such as retail.")
    ],
    words: Annotated[list[str] | None, _words("Options of the source, or data settings.")] = None,
    config: Config = None,
    format: Format = "table",
    json_flag: Json = False,
    out: Out = None,
) -> None:
    """Describe a panel: size, demand, season, columns, example series."""
    from invrl.cli.data_picture import figures, print_picture
    from invrl.config.reading import load
    from invrl.demand.describe import describe as describe_panel
    from invrl.demand.splits import training_days
    from invrl.sources.contract import source_panel

    data = _data(target, config, words)
    panel = source_panel(data)
    split = load(config, ()).split
    description = describe_panel(panel, training_days(panel.pairs, panel.days, split))
    name_unread(data)
    if format == "table" and not json_flag and out is None:
        print_picture(description, title=target)
    else:
        emit(figures(description), format=format, json_flag=json_flag, out=out, payload=description)


app.command(epilog=uncensor.EXAMPLES)(uncensor.uncensor)
app.command(epilog=forecast.EXAMPLES)(forecast.forecast)


def _data(target: str, config: str | None, words: list[str] | None, is_file: bool = False) -> Data:
    """The `[data]` settings for a file or a source; bare KEY=VALUE words belong to either."""
    from invrl.config.reading import load
    from invrl.config.schema import Data
    from invrl.tables.many import is_there

    if not is_file and target not in DRAWN:
        if not is_there(target) and Path(target).suffix not in SUFFIXES:
            raise InvrlError(f"no file and no source `{target}`", hint=nearest(target, DRAWN))
        is_file = True
    settings = vars(Data()) if is_file else {}
    words = [_full_key(word, settings) for word in words or ()]
    data = load(config, words).data
    if is_file:
        own = data if data.source == "file" or config is None else load(None, words).data
        return replace(data, source="file", path=target, options=own.options)
    if config is not None and data.source != target:
        text = f"config `{config}` is about source `{data.source}`, not `{target}`"
        raise InvrlError(text, hint="drop --config")
    return replace(data, source=target)


def _full_key(word: str, settings: dict[str, object]) -> str:
    """`gaps=zero` is `data.gaps=zero` for a file; anything else is an option of the source."""
    if word.startswith("data.") or "=" not in word:
        return word
    name = word.partition("=")[0].partition(".")[0]
    return f"data.{word}" if name in settings else f"data.options.{word}"


def _write(data: Data, out: Path) -> None:
    from invrl.cli.data_picture import count
    from invrl.sources.contract import source_panel
    from invrl.sources.files import write_panel

    panel = source_panel(data)
    write_panel(panel, out)
    name_unread(data)
    say_alike(panel)
    pairs, days = count(panel.pairs, "pair"), count(panel.days, "day")
    say(f"wrote {out}: {pairs} x {days}, {panel.start} to {panel.dates[-1]}")
    say(f"next: invrl data describe {out}")
