"""`invrl bench`: how fast this machine runs the production code."""

from __future__ import annotations

import json as jsons
from pathlib import Path
from typing import Annotated, Any

import typer

from invrl.cli.console import Format, Json, emit, say
from invrl.cli.options import Overrides, Plugin
from invrl.config.schema import Config
from invrl.errors import InvrlError, nearest
from invrl.tables.whole import refuse_existing

EXAMPLES = """Examples:

invrl bench --preset paper --out this-machine.json

invrl bench --what network,ds --pairs 10000 --days 90,30,365 --review-period 1 network.hidden=[128,128]

invrl bench --preset paper --compare this-machine.json
"""
SIZES, OUTPUT = "Sizes", "Output"


def bench(
    overrides: Overrides = None,
    preset: Annotated[
        str, typer.Option(help="Sizes to time: laptop, paper or tmall.", rich_help_panel=SIZES)
    ] = "laptop",
    what: Annotated[
        str | None,
        typer.Option(
            help="What to time: base_stock, network, network_relu, ds, ds_relu, ppo, ddpg, recommend, or an "
            "algorithm of --plugin; default: all.",
            rich_help_panel=SIZES,
        ),
    ] = None,
    pairs: Annotated[
        str | None, typer.Option(help="Numbers of pairs, such as 1000,10000.", rich_help_panel=SIZES)
    ] = None,
    days: Annotated[
        str | None,
        typer.Option(
            help="Days, such as 90,30: all sizes run the first, one size the others.", rich_help_panel=SIZES
        ),
    ] = None,
    review_period: Annotated[
        str | None, typer.Option(help="Review periods in days, such as 1,2,7.", rich_help_panel=SIZES)
    ] = None,
    block: Annotated[
        int | None,
        typer.Option(min=1, help="Pairs in a block; default: what training uses.", rich_help_panel=SIZES),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Warm repeats at least; the median is reported.")] = 5,
    compare: Annotated[
        Path | None, typer.Option(help="An earlier --out file; exit 1 if this machine is slower.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Share of speed that --compare allows to lose.")
    ] = 0.2,
    plugin: Plugin = None,
    format: Format = "table",
    json: Json = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Also write all figures to this JSON file.", rich_help_panel=OUTPUT),
    ] = None,
) -> None:
    """Time rollouts and training on episodes of random demand."""
    old = _read(compare) if compare else None
    if out:
        refuse_existing(out)
    from invrl.devices import placement

    placement.prepare()
    import jax

    from invrl.bench import benchmark, workloads
    from invrl.config import reading

    jax.config.update("jax_enable_compilation_cache", False)  # compile times are to be cold
    if preset not in benchmark.PRESETS:
        raise InvrlError(f"no preset `{preset}`", hint=nearest(preset, benchmark.PRESETS))
    given = {"pairs": pairs, "days": days, "review_period": review_period}
    sizes = benchmark.PRESETS[preset]._replace(**{k: _numbers(k, text) for k, text in given.items() if text})
    names = what.split(",") if what else list(workloads.WORKS)
    record = _run(benchmark.cases(names, sizes), reading.load(None, overrides or ()), repeats, block)
    if old is not None:
        record["comparison"] = benchmark.compare(record["results"], old["results"], tolerance)
    _show(record, format, json)
    if out:
        emit([], format="json", out=out, payload=record)
    _judge(record, old, tolerance)


def _run(cases: list[Any], config: Config, repeats: int, block: int | None) -> dict[str, Any]:
    """The record of all cases; what was chosen is said first, then every figure as it comes."""
    from invrl.bench import benchmark, machine

    record = machine.describe() | {"parameters": benchmark.parameters(cases, config, repeats)}
    here = record["machine"]
    here["block_pairs"] = block or here["block_pairs"]
    say(f"{here['processor']}, {here['cores']} cores, {here['memory'] / 1e9:.0f} GB, load {here['load']:.1f}")
    say(f"{here['devices']} {here['backend']} devices, blocks of {here['block_pairs']} pairs")
    say(", ".join(f"{name} {version}" for name, version in record["versions"].items()))
    say("; ".join(f"{name} {value}" for name, value in record["parameters"].items()))
    limits = machine.limits()
    say(f"limits: copy {limits.copy / 1e9:.1f} GB/s, matrix product {limits.matmul / 1e9:.0f} GFLOP/s")
    rows = []
    for case in cases:
        rows.append(benchmark.measure(case, config, limits, repeats, block))
        say(f"{_title(rows[-1])}: {rows[-1]['sku_days_per_second'] / 1e6:.4g} M SKU-days/s")
    return record | {"limits": limits._asdict(), "results": benchmark.with_growth(rows)}


def _read(path: Path) -> dict[str, Any]:
    try:
        old = jsons.loads(path.read_text(encoding="utf-8"))
        old["results"][0]["sku_days_per_second"]
    except FileNotFoundError:
        raise InvrlError(f"no file {path}", hint="make one with `invrl bench --out FILE`") from None
    except (ValueError, KeyError, IndexError, TypeError):
        raise InvrlError(f"{path} is no record of `invrl bench`", hint="make one with `--out FILE`") from None
    return old


def _numbers(name: str, text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(word) for word in text.split(","))
    except ValueError:
        numbers = (0,)
    if min(numbers) < 1:
        option = name.replace("_", "-")
        raise InvrlError(f"--{option} {text}: whole numbers from 1 wanted", hint=f"such as --{option} 1,2,7")
    return numbers


def _title(row: dict[str, Any]) -> str:
    return f"{row['what']}, {row['pairs']:,} pairs x {row['days']} days, review period {row['review_period']}"


KEY = """M/s: million SKU-days a second, median of warm runs. cold s: compilation. MB: peak memory, all told.
limit: share of what the machine's rate of copying or of matrix products allows.
growth: seconds per SKU-day, relative to the largest case of the same kind.
recommend: one order per pair, from so many days of history."""


def _show(record: dict[str, Any], format: str, json: bool) -> None:
    table = [
        {
            **{name: row[name] for name in ("what", "pairs", "days")},
            "P": row["review_period"],
            "M/s": f"{row['sku_days_per_second'] / 1e6:.3g}",
            "cold s": f"{row['compile_seconds']:.1f}",
            "MB": f"{row['peak_memory'] / 1e6:.0f}",
            "limit": f"{row['limit_share']:.0%}",
            "growth": f"{row['growth']:.2f}",
        }
        for row in record["results"]
    ]
    emit(table, format=format, json_flag=json, payload=record)
    if format == "table" and not json:
        say(KEY)
    if "comparison" in record and not json and format != "json":
        emit(record["comparison"], format=format, title="SKU-days/s then and now")


def _judge(record: dict[str, Any], old: dict[str, Any] | None, tolerance: float) -> None:
    """Exit 1 if a case became slower by more than the tolerance."""
    if old is None:
        return
    for part, name in [("machine", "processor"), ("machine", "devices"), ("parameters", "network")]:
        then, now = old.get(part, {}).get(name), record[part][name]
        if then != now:
            say(f"the old figures come from another {name}: {then}, now {now}")
    slower = [row for row in record["comparison"] if row["verdict"] != "ok"]
    for row in slower:
        say(f"slower by more than {tolerance:.0%}: {_title(row)}: {row['ratio']:.2f} of before")
    if slower:
        raise typer.Exit(1)
