"""`invrl config`: look before you run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from invrl.cli.console import Format, Json, Out, emit, say, tell
from invrl.cli.options import AlgoName, Overrides, Plugin, RegName
from invrl.config import reading
from invrl.config.sections import explained
from invrl.config.toml import to_toml
from invrl.tables.whole import refuse_existing, write_text

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List, show, copy and check configs.")

EXAMPLES = """Examples:

invrl config copy freshretail mine.toml

invrl config show --explain ddpg.gamma

invrl config check mine.toml train.updates=200
"""


@app.command("ls", epilog=EXAMPLES)
def ls(format: Format = "table", json: Json = False, out: Out = None) -> None:
    """List the ready configs."""
    rows = [
        {"config": path.stem, "about": path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")}
        for path in sorted(reading.EXPERIMENTS.glob("*.toml"))
    ]
    emit(rows, format=format, json_flag=json, out=out)


@app.command("show", epilog=EXAMPLES)
def show(
    config: Annotated[
        str | None,
        typer.Argument(
            metavar="[CONFIG]", help="A TOML file, or a name of `invrl config ls`; default: the defaults."
        ),
    ] = None,
    overrides: Overrides = None,
    algo: AlgoName = None,
    reg: RegName = None,
    explain: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Explain a key or a section: meaning, unit, bounds, default."),
    ] = None,
    plugin: Plugin = None,
) -> None:
    """Print the resolved config as TOML: every key and its value."""
    if explain is not None:
        tell("\n\n".join(map(_told, explained(explain))))
        return
    tell(to_toml(reading.load(config, overrides or (), algo=algo, reg=reg)).rstrip("\n"))


def _told(setting: dict[str, Any]) -> str:
    """A setting in a few lines, without the empty ones."""
    lines = [f"  {name:8} {setting[name]}" for name in ("unit", "bounds", "default") if setting[name] != ""]
    return "\n".join([f"{setting['key']}: {setting['about']}", *lines, f"  {setting['compiled']}"])


@app.command("copy", epilog=EXAMPLES)
def copy(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A name of `invrl config ls`.")],
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The new file, or a folder for it.")],
) -> None:
    """Copy a ready config to change it."""
    source = reading.find(config)
    target = target / source.name if target.is_dir() else target
    refuse_existing(target)
    write_text(target, source.read_text(encoding="utf-8"))
    say(f"wrote {target}; train it with: invrl train --config {target}")


@app.command("check", epilog=EXAMPLES)
def check(
    config: Annotated[
        str, typer.Argument(metavar="CONFIG", help="A TOML file, or a name of `invrl config ls`.")
    ],
    overrides: Overrides = None,
    algo: AlgoName = None,
    reg: RegName = None,
    plugin: Plugin = None,
) -> None:
    """Read a config and report every mistake in it; exit code 2 if there is one."""
    from invrl.config.limits import check_names

    loaded = reading.load(config, overrides or (), algo=algo, reg=reg)
    check_names(loaded)
    say(f"fine: {loaded.algo}/{loaded.reg} on {loaded.data.path or loaded.data.source}")
