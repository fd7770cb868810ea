"""Options that several commands share, and the config they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from invrl import registry
from invrl.config import reading
from invrl.config.schema import Config, Data
from invrl.config.sections import config_type
from invrl.config.setting import settings
from invrl.errors import InvrlError

MANY = 12
"""Columns listed."""
TRAINING, DATA, OUTPUT = "Training", "Data", "Output"


def _complete(table: Mapping[str, object]) -> Callable[[str], list[str]]:
    return lambda incomplete: [name for name in table if name.startswith(incomplete)]


def _complete_config(incomplete: str) -> list[str]:
    return [p.stem for p in sorted(reading.EXPERIMENTS.glob("*.toml")) if p.stem.startswith(incomplete)]


Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY.PATH=VALUE]...", help="Keys of the config and their values, such as train.updates=200."
    ),
]
AlgoName = Annotated[
    str | None,
    typer.Option(
        "--algo",
        help=f"An algorithm: {', '.join(registry.ALGORITHMS)}; "
        f"or an incumbent: {', '.join(registry.BASELINES)}.",
        autocompletion=_complete(registry.ALGORITHMS | registry.BASELINES),
        rich_help_panel=TRAINING,
    ),
]
RegName = Annotated[
    str | None,
    typer.Option(
        "--reg", help=f"Policy form: {', '.join(registry.HEADS)}.",
        autocompletion=_complete(registry.HEADS), rich_help_panel=TRAINING,
    ),
]  # fmt: skip
Seed = Annotated[int | None, typer.Option(help="Seed of the training.", rich_help_panel=TRAINING)]
ConfigName = Annotated[
    str | None,
    typer.Option(
        "--config", help="A TOML file, or a name of `invrl config ls`.",
        autocompletion=_complete_config, rich_help_panel=DATA,
    ),
]  # fmt: skip
DataName = Annotated[
    str | None,
    typer.Option(
        "--data", help=f"A panel file, or a source: {', '.join(registry.SOURCES)}.", rich_help_panel=DATA
    ),
]


def _load(path: str | None) -> str | None:
    if path:
        registry.load_plugin(path)
    return path


Plugin = Annotated[
    str | None,
    typer.Option(
        "--plugin", callback=_load, is_eager=True, rich_help_panel=TRAINING,
        help="Your Python file that registers a form, source, baseline or algorithm.",
    ),
]  # fmt: skip
Quiet = Annotated[bool, typer.Option("--quiet", help="Do not show progress.", rich_help_panel=OUTPUT)]
OutDir = Annotated[Path, typer.Option("--out", help="Folder for the new run.", rich_help_panel=OUTPUT)]


def load_config(
    name: str | None,
    overrides: list[str] | None,
    algo: str | None = None,
    reg: str | None = None,
    data: str | None = None,
    seed: int | None = None,
) -> Config:
    """The config of a command line; without a config or data, the ready `quickstart`."""
    if name is None and data is None:
        name = "quickstart"
    config = reading.load(name, overrides or (), algo=algo, reg=reg)
    if data is not None:
        config = _pointed(config, name, overrides or (), data)
    return config if seed is None else replace(config, seed=seed)


def _pointed(config: Config, name: str | None, words: Iterable[str], data: str) -> Config:
    """The config with its data section pointed elsewhere; what was typed of it still holds."""
    typed = [(key, value) for key, value in map(reading.parse_override, words) if key.startswith("data.")]
    for key, _ in typed:
        if key in ("data.source", "data.path"):
            raise InvrlError(f"both --data and {key} say where demand comes from", hint=f"drop {key}")
    base = reading.load(name).data if name else Data()
    return reading.with_values(replace(config, data=with_data(base, data)), typed)


def name_unread(data: Data) -> None:
    """Say which columns of the file nobody reads."""
    from invrl.cli.console import say
    from invrl.sources.files import is_undated, unread_columns

    if data.source == "file" and is_undated(data.path, data):
        say("d_1 is taken for 2024-01-01: data.options.start=DAY says when it is")
    spare = unread_columns(data.path, data) if data.source == "file" else []
    if spare:
        some = ", ".join(spare[:MANY]) + (f" and {len(spare) - MANY} more" if len(spare) > MANY else "")
        say(f"columns that nobody reads: {some}")


def say_alike(panel: Any) -> None:
    """Say which names are so near that one thing may have two."""
    from invrl.cli.console import say
    from invrl.sources.names import nearly_alike

    for what, words in (("SKUs", panel.sku), ("warehouses", panel.warehouse)):
        if found := nearly_alike(words):
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            one, other = found[0]
            say(f"{what} that case or leading zeros alone keep apart: `{one}` and `{other}`{more}")


def say_rounded(config: Config) -> None:
    """Say where training ends, if not at `train.updates`."""
    from invrl.cli.console import say

    train = config.train
    last = -(-train.updates // train.evaluate_every) * train.evaluate_every
    if last != train.updates and config.algo not in registry.BASELINES:
        chunk = f"whole chunks of train.evaluate_every={train.evaluate_every}"
        say(f"  train.updates={train.updates} ends at update {last}: updates come in {chunk}")


State = Annotated[
    Path | None,
    typer.Option(help="Stock and pipeline at the start, as for `recommend`.", rich_help_panel=DATA),
]
StateColumn = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="OURS=THEIRS",
        help="What the state file calls a column; repeatable.",
        rich_help_panel=DATA,
    ),
]


def columns_of(words: list[str] | None) -> dict[str, str]:
    """Our name -> the file's name, of `OURS=THEIRS` words."""
    found = {}
    for word in words or ():
        ours, sign, theirs = word.partition("=")
        if not (ours and sign and theirs):
            raise InvrlError(f"`{word}` is not OURS=THEIRS", hint="such as --column on_hand=stock")
        found[ours] = theirs
    return found


def is_override(word: str) -> bool:
    """Whether a word is meant as `key.path=value`, and not as a name that has a `=` in it."""
    section, dot, rest = word.partition(".")
    return bool(dot) and "=" in rest and section in settings(config_type())


def with_data(data: Data, name: str) -> Data:
    """The data section pointed at a source or at a file."""
    if name in registry.SOURCES:
        same = data.source == name
        return data if same else Data(source=name)
    from invrl.tables.many import is_there

    if not is_there(name):
        raise InvrlError(
            f"no file or source `{name}`", hint=f"a path, or one of {', '.join(registry.SOURCES)}"
        )
    return replace(data, source="file", path=name, options=data.options if data.source == "file" else {})
