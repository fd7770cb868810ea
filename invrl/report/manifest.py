"""Where the numbers come from: every run, and what it takes to get the best one again."""

from __future__ import annotations

import shlex
from html import escape
from pathlib import Path
from typing import Any

from invrl.charts.svg import number
from invrl.report.facts import Facts, validation_score
from invrl.report.markup import folded, make_section, table
from invrl.runs.directory import Run


def section(facts: Facts) -> str:
    manifest = facts.run.needed("manifest.json")
    settings = (facts.run.path / "config.toml").read_text(encoding="utf-8")
    note = (
        f"How *{facts.run.name}* was made. The data's fingerprint and the seed decide every number on this "
        "page; a report on other data refuses to mix runs."
    )
    runs = sorted(facts.found.values(), key=validation_score)
    every = table([_row(facts, run) for run in runs]) if len(runs) > 1 else ""
    return make_section(
        "manifest", "Manifest", table(_facts(manifest, facts), note, "plain"),
        folded(f"All {len(runs)} runs, best by validation first", every),
        folded("Settings", f"<pre>{escape(settings)}</pre>"),
    )  # fmt: skip


def _took(seconds: dict[str, float]) -> str | None:
    """Runs of a study share their program: how long it took to compile is no run's own."""
    if not seconds:
        return None
    compiling = f", of which {seconds['compile']:,.0f} s to compile" if "compile" in seconds else ""
    return f"{seconds['wall']:,.0f} s{compiling}"


def _facts(manifest: dict[str, Any], facts: Facts) -> list[dict[str, str]]:
    git, seconds = manifest.get("git", {}), manifest.get("seconds", {})
    words = manifest["argv"]
    rows = {
        "run": facts.run.name,
        "command": shlex.join([Path(words[0]).name, *words[1:]]),
        "started": manifest["started"].replace("T", " "),
        "took": _took(seconds),
        "updates": _updates(facts.content),
        "seed": str(manifest["seed"]),
        "data fingerprint": manifest["data_fingerprint"],
        "versions": ", ".join(f"{name} {version}" for name, version in manifest["versions"].items()),
        "commit": f"{git['commit'][:12]}{', with changes' if git.get('dirty') else ''}"
        if git.get("commit")
        else None,
        "machine": f"{manifest['platform']}; {_devices(manifest['devices'])}",
    }
    return [{"": name, " ": value} for name, value in rows.items() if value]


def _updates(content: dict[str, Any]) -> str | None:
    if "updates" not in content:
        return None
    return f"{content['updates']:,}; the policy is that of update {content['best_update']:,}"


def _devices(devices: dict[str, Any]) -> str:
    return f"{devices.get('devices', 1)} x {devices.get('device', devices.get('backend', ''))}"


def _row(facts: Facts, run: Run) -> dict[str, str]:
    content, config = run.read("results.json"), run.config
    found = content["splits"][facts.split]["policies"][content["policy"]]
    seconds = run.read("manifest.json").get("seconds", {})
    return {
        "run": run.name,
        "cell": content["policy"],
        "seed": str(config.seed),
        "validation objective": f"{validation_score(run):.3f}",
        "stockout rate, %": f"{100 * found['stockout_rate'][0]:.2f}",
        "turnover time, days": f"{found['turnover_time'][0]:.2f}",
        "seconds": number(seconds["wall"]) if seconds else "-",
    }
