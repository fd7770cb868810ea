"""The daily work: every pair of a state file gets its order, in chunks of bounded memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from invrl.config import reading
from invrl.config.schema import Config, Data
from invrl.errors import InvrlError
from invrl.recommend.catalogue import coming, priors, read_ahead_file, read_catalogue
from invrl.recommend.facts import BIT, Facts, Sources, check_history, history_days
from invrl.recommend.orderer import Orderer, load_orderer
from invrl.recommend.orders import Answer, Desk, flags_of
from invrl.recommend.outlook import with_own
from invrl.recommend.state import Layout, State, read_layout, read_states
from invrl.runs.directory import Run
from invrl.sources.names import Names, check_matches, pairs_in, read_names
from invrl.tables.chunks import new_table
from invrl.tables.open import open_table, pyarrow
from invrl.training.session import own_forecasts

CHUNK = 1 << 16
"""Rows in memory at a time."""
LIMITS = ("max_order", "max_position", "max_order_units", "pack_size", "min_order")
"""Keys of `supply` that may be changed on the day."""


@dataclass(frozen=True)
class Request:
    """What to recommend for.

    Attributes:
        state: the state file.
        date: the day to order for; None for the day after the panel's last.
        data: the run's data section -> the one to take demand from instead, or None.
        ahead: files that tell of the coming days.
        columns: our name -> the state file's name.
        limits: `supply.KEY=VALUE` words.
        forecasts: files of own forecasts; none for those of the run's config.
        new_pairs: many pairs may be new to the data, and named nearly like others.
    """

    state: Path
    date: str | None = None
    data: Callable[[Data], Data] | None = None
    ahead: Sequence[Path] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    limits: Sequence[str] = ()
    new_pairs: bool = False
    forecasts: Sequence[Path] = ()


class Job(NamedTuple):
    """A request with everything read but the state itself."""

    run: Run
    config: Config
    names: Names
    layout: Layout
    sources: Sources
    orderer: Orderer
    desk: Desk

    @property
    def rows(self) -> int:
        return len(self.names.sku)

    def answers(self) -> Iterator[tuple[State, Facts, Answer]]:
        """Chunk by chunk."""
        for state in read_states(self.layout, CHUNK):
            facts = self.sources.facts(state)
            yield state, facts, self.desk.answers(facts, state)

    def plan(self) -> str:
        """What this will hold in memory."""
        catalogue, layout = self.sources.catalogue, self.layout
        coming = len(catalogue.panel.ahead) * self.sources.coming.days
        cells = len(layout.names) + coming + layout.longest + history_days(self.config)
        rows = min(self.rows, CHUNK)
        chunk = 3 * 4 * cells * rows  # as read, completed, and laid out in blocks
        held = 40 * self.rows + sum(file.values.nbytes for file in self.sources.coming.files)
        panel = catalogue.panel.demand.nbytes * (1 + len(catalogue.panel.ahead) + len(catalogue.panel.after))
        return (
            f"{self.rows:,} pairs, {rows:,} at a time: about {_megabytes(chunk)} for the chunk, "
            f"{_megabytes(held)} for names and coming days, {_megabytes(panel)} for the panel"
        )

    def notes(self) -> list[str]:
        """What the user should know before trusting the orders."""
        catalogue = self.sources.catalogue
        panel = catalogue.panel
        last = panel.date(panel.days - 1)
        known = int((self.sources.pair >= 0).sum())
        origin = "the state itself" if self.layout.demand else f"the panel ({panel.start} to {last})"
        pairs = f"{known:,} of {self.rows:,} pairs in the panel"
        lines = [f"orders for {catalogue.date}; demand from {origin}; {pairs}"]
        spare = [name for name in self.layout.file.names if name not in self.layout.names.values()]
        if spare:
            lines.append(f"not read: {', '.join(spare)}")
        if catalogue.changed:
            lines.append("the run's data is not the same as when it was trained")
        return lines


def _megabytes(size: float) -> str:
    return f"{max(size / 1e6, 1):,.0f} MB"


def prepare(run: Run, request: Request) -> Job:
    """Read everything but the state itself, and check that it fits together.

    Raises:
        InvrlError: naming the file and the column, or the run, that does not.
    """
    config = with_limits(run.config, request.limits)
    file = open_table(request.state)
    catalogue = read_catalogue(run, config, request.data, request.date)
    orderer = load_orderer(run, config, catalogue)
    layout = read_layout(
        file, request.columns, list(catalogue.panel.ahead), catalogue.static_names,
        longest=orderer.slots - 1, backlog=config.supply.unmet == "backlog",
    )  # fmt: skip
    check_history(layout, catalogue, dated=request.date is not None)
    names = read_names(file, layout.names)
    files = [read_ahead_file(path, catalogue, names) for path in request.ahead]
    pair = pairs_in(names, catalogue.panel.sku, catalogue.panel.warehouse)
    if not request.new_pairs:
        told = layout.demand > 0 or "mean_demand" in layout.names
        check_matches(file, names, catalogue.panel.sku, catalogue.panel.warehouse, pair, told)
    _check_lead_times(catalogue.lead_time, names, pair, layout.longest)
    sources = Sources(catalogue, coming(catalogue, files, layout), priors(catalogue, names), pair, config)
    sources = with_own(sources, own_forecasts(run), layout, names, request.forecasts)
    desk = Desk(orderer, config, catalogue.date, catalogue.panel.step, catalogue.normaliser.season)
    return Job(run, config, names, layout, sources, orderer, desk)


def _check_lead_times(known: np.ndarray, names: Names, pair: np.ndarray, longest: int) -> None:
    """Refuse a lead time of the panel that the policy was not made for."""
    beyond = (pair >= 0) & (known[pair] > longest)
    if beyond.any():
        row = int(np.argmax(beyond))
        raise InvrlError(
            f"{names.of(row)} has a lead time of {known[pair[row]]} days in the data",
            hint=f"the policy was trained with lead times of at most {longest} days",
        )


def with_limits(config: Config, words: Sequence[str]) -> Config:
    """The config with other limits of the day, given as `supply.KEY=VALUE`."""
    known = [f"supply.{limit}" for limit in LIMITS]
    values = [reading.parse_override(word) for word in words]
    for key, _ in values:
        if key not in known:
            raise InvrlError(f"`{key}` cannot change on the day", hint=f"only {', '.join(known)}")
    return reading.with_values(config, values)


def recommend(job: Job, out: Path) -> dict[str, Any]:
    """Write one row per row of the state, in its order; returns counts.

    The file appears whole, or not at all.
    """
    began = time.perf_counter()
    units, ordered, counts, rows = 0.0, 0, dict.fromkeys(BIT, 0), 0
    with new_table(out) as append:
        for state, facts, answer in job.answers():
            _check_finite(job, state, answer)
            flags = flags_of(facts, state, answer)
            append(table_of(job, state, answer, flags))
            rows += state.rows
            units += float(answer.order.sum(dtype=np.float64))
            ordered += int((answer.order > 0).sum())
            for name, bit in BIT.items():
                counts[name] += int(((flags & bit) > 0).sum())
        if rows != job.rows:
            raise InvrlError(f"{job.layout.file.path} changed while it was read", hint="try again")
    return {
        "run": job.run.name, "date": str(job.sources.catalogue.date), "out": str(out), "pairs": rows,
        "orders": ordered, "units": units, "flags": {name: n for name, n in counts.items() if n},
        "seconds": time.perf_counter() - began,
    }  # fmt: skip


def _check_finite(job: Job, state: State, answer: Answer) -> None:
    """Refuse an order that is no number: no file of orders has a hole."""
    bad = ~np.isfinite(np.asarray(answer.order))
    if bad.any():
        row = state.start + int(np.argmax(bad))
        hint = "is a number of its row out of proportion (stock, demand, limits)?"
        raise job.layout.file.fail(f"the order of {job.names.of(row)} is no number", hint=hint, row=row)


def table_of(job: Job, state: State, answer: Answer, flags: np.ndarray) -> Any:
    """The output rows of one chunk, as a `pyarrow.Table`."""
    arrow = pyarrow()
    names = job.layout.names
    columns = {str(ours): state.names.column(names[ours]) for ours in ("sku", "warehouse") if ours in names}
    columns |= {
        name: arrow.array(values, from_pandas=True) for name, values in figures(job.orderer, answer).items()
    }
    columns |= {"flags": arrow.array(flag_words(flags), arrow.string())}
    return arrow.table(columns)


def flag_words(flags: np.ndarray) -> np.ndarray:
    """[B] str, the names of the flags that are set."""
    distinct, code = np.unique(flags, return_inverse=True)
    return np.array([" ".join(name for name, bit in BIT.items() if found & bit) for found in distinct])[code]


def figures(orderer: Orderer, answer: Answer) -> dict[str, np.ndarray]:
    """Name -> [B] float32, the numbers of an output row."""
    expected = np.asarray(answer.expected)
    cover = np.asarray(answer.position + answer.order) / np.where(expected > 0, expected, np.nan)
    columns: dict[str, Any] = {"order": answer.order, "inventory_position": answer.position}
    if orderer.target is not None:
        columns["level"] = answer.level
    if orderer.projects:
        columns["expected_lost"] = answer.lost
    columns |= {f"coef_{k + 1}": answer.raw[k] for k in range(len(orderer.coefficients))}
    columns |= {"expected_demand": expected, "days_of_cover": cover}
    return {name: np.asarray(column, np.float32) for name, column in columns.items()}
