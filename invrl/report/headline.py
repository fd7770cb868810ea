"""The first screen: what was trained, on what, and how it did, in words and three numbers."""

from __future__ import annotations

import datetime
from typing import Any

from invrl import registry
from invrl.report.facts import Facts, cell_label, data_label, head_of
from invrl.report.markup import emphasised, tile, words
from invrl.scoring.intervals import Estimate, estimate

ALGORITHMS = {
    "ds": "by differentiating the simulator (DS)",
    "ddpg": "by deep deterministic policy gradient (DDPG)",
    "ppo": "by proximal policy optimisation (PPO)",
}


def section(facts: Facts) -> str:
    rate, turnover = facts.main.means["stockout_rate"], facts.main.means["turnover_time"]
    tiles = [
        tile("Stockout rate", f"{100 * rate.mean:.2f}", " %", _against(facts, "stockout_rate", 100, " pp")),
        tile("Turnover time", f"{turnover.mean:.2f}", " days", _against(facts, "turnover_time", 1, " days")),
        _third(facts),
    ]
    note = _demand_note(facts)
    return (
        f"{words(_trained(facts))}{words(_verdict(facts))}"
        f'<div class="tiles">{"".join(tiles)}</div>{words(note, "note")}'
    )


def title(facts: Facts) -> str:
    """The page's name: the policy and the data."""
    return f"{cell_label(facts.main)} on {data_label(facts.run.config)}"


def _trained(facts: Facts) -> str:
    config, panel, part = facts.run.config, facts.experiment.panel, facts.experiment.parts
    train, split = part["train"], part[facts.split]
    days = split.stop - split.measure
    first, last = (_day(panel.dates[k]) for k in (split.measure, split.stop - 1))
    what = (
        f"One policy for all pairs was trained {ALGORITHMS.get(config.algo, f'by {config.algo}')}; "
        f"its form is {config.reg.upper()}: {_form(config.reg)}."
        if config.algo not in registry.BASELINES
        else f"The classical policy *{config.algo}* was tuned by search."
    )
    several = _several(facts)
    return (
        f"{what} It learned from {train.pairs.size:,} SKU-warehouse pairs and {train.stop - train.measure} "
        f"days of *{data_label(config)}*, and is judged on {split.pairs.size:,} pairs and {days} days that "
        f"it never saw ({first} to {last}).{several}"
    )


def _form(reg: str) -> str:
    head = head_of(reg)
    return f"the network puts out {head.puts_out}" if head else "a form of its own"


def _several(facts: Facts) -> str:
    if len(facts.found) == 1:
        return ""
    cells = sum(cell.reg is not None for cell in facts.comparison.cells)
    return (
        f" It is the best, by validation, of {len(facts.found)} runs in {cells} "
        f"cell{'s' if cells != 1 else ''} of algorithm and form."
    )


def _verdict(facts: Facts) -> str:
    """Stockouts and turnover against the incumbent, then both at once, in one or two sentences."""
    if facts.rival is None:
        return "No incumbent was scored beside it."
    rate = difference(facts, "stockout_rate")
    turnover = difference(facts, "turnover_time")
    name = facts.rival.name.replace("_", " ")
    first = (
        f"Against the {name} policy on the same pairs, days and demand, the stockout rate is "
        f"*{_more(rate, 100, 'percentage points', 'lower', 'higher')}* and a unit stays in stock for "
        f"*{_more(turnover, 1, 'days', 'less', 'more')}*."
    )
    equal = equal_stockout(facts)
    if equal is None:
        return first
    less = "less" if equal.mean < 0 else "more"
    clear = "" if equal.significant else ", which may be chance"
    return (
        f"{first} Had the {name} moved its safety stock, with hindsight, to reach the same stockout rate, "
        f"the policy would hold *{abs(equal.mean):.2f} days {less}* stock{clear}."
    )


def _more(found: Estimate, unit: float, noun: str, fewer: str, more: str) -> str:
    size = f"{abs(found.mean) * unit:.2f} {noun} {fewer if found.mean < 0 else more}"
    return size if found.significant else f"{size} (may be chance)"


def difference(facts: Facts, measure: str) -> Estimate:
    """The main policy minus its rival, paired, with a 95 % interval."""
    assert facts.rival is not None
    values = {measure: facts.main.values[measure] - facts.rival.values[measure]}
    evaluation = facts.experiment.config.evaluation
    weight, clusters = facts.weight.astype(float), facts.experiment.panel.sku[facts.pairs]
    return estimate(values, weight, clusters, evaluation.bootstrap, evaluation.seed)[measure]


def verdict(found: Estimate, lower_is_better: bool = True) -> str:
    """better, worse or even."""
    if not found.significant:
        return "even"
    return "better" if (found.mean < 0) == lower_is_better else "worse"


def equal_stockout(facts: Facts) -> Estimate | None:
    """Days of turnover against the rival with its safety stock moved to the same stockout rate."""
    name = facts.rival.name if facts.rival else ""
    found: dict[str, Any] = facts.content["splits"]["test"].get("equal_stockout", {}).get(name, {})
    return Estimate(*found["turnover_time"]) if found and facts.split == "test" else None


def _against(facts: Facts, measure: str, unit: float, noun: str) -> list[str]:
    if facts.rival is None:
        return []
    found = difference(facts, measure)
    rival = facts.rival.means[measure].mean * unit
    half = (found.high - found.low) / 2 * unit
    delta = f"{found.mean * unit:+.2f}".replace("-", "\N{MINUS SIGN}")
    name = facts.rival.name.replace("_", " ")
    return [
        emphasised(f"{name} {rival:.2f}"),
        f'<span class="{verdict(found)}">{delta}{noun}</span> <small>± {half:.2f}</small>',
    ]


def _third(facts: Facts) -> str:
    equal = equal_stockout(facts)
    if equal is None:
        fill = facts.main.means["fill_rate"]
        return tile("Fill rate", f"{100 * fill.mean:.2f}", " %", ["share of demand served from stock"])
    half = (equal.high - equal.low) / 2
    mean = f"{equal.mean:+.2f}".replace("-", "\N{MINUS SIGN}")
    grade = f'<span class="{verdict(equal)}">{"clear" if equal.significant else "may be chance"}</span>'
    return tile(
        "Turnover at equal stockout",
        mean,
        " days",
        ["against the incumbent", f"{grade} <small>± {half:.2f}</small>"],
    )


def _demand_note(facts: Facts) -> str:
    demand = {
        "known": "Demand is taken as it is in the data.",
        "censored": "Demand is *censored*: sales, which stock-outs cut, so true stockout rates are higher.",
        "uncensored": "Demand is *uncensored*: estimated from sales cut by stock-outs.",
    }[facts.comparison.demand]
    weights = facts.experiment.config.evaluation.weights
    mean = (
        "Means over pairs are unweighted"
        if weights == "equal"
        else f"Means over pairs are weighted by {weights}"
    )
    return f"{demand} {mean}; ± is half a 95 % interval from a bootstrap clustered by SKU."


def _day(day: Any) -> str:
    return f"{datetime.date.fromisoformat(str(day)):%-d %B %Y}"
