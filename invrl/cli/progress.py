"""Progress of training: a live bar on a terminal, one line per evaluation elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from invrl.config.schema import Config


class TrainingProgress:
    """Context manager whose `watch` is handed to `session.train`."""

    def __init__(self, config: Config, quiet: bool):
        self.config = config
        self.live = not quiet and sys.stderr.isatty()
        self.lines = not quiet and not self.live
        self.console = Console(stderr=True, highlight=False)
        columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   TimeRemainingColumn(), TextColumn("{task.fields[note]}")]  # fmt: skip
        self.bar = Progress(*columns, console=self.console, transient=True, disable=not self.live)
        self.task = self.bar.add_task(
            f"{config.algo}/{config.reg}", total=config.train.updates, note="compiling"
        )

    def __enter__(self) -> TrainingProgress:
        self.bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def stop(self) -> None:
        self.bar.stop()

    def watch(self, loop: Any, metrics: dict[str, float]) -> None:
        rate = self.config.train.evaluate_every / max(metrics["train_seconds"], 1e-9)
        note = (
            f"validation {metrics['validation_objective']:.4f} (best {float(loop.best_score):.4f}), "
            f"stockout {100 * metrics['validation_stockout_rate']:.2f} %, "
            f"turnover {metrics['validation_turnover_time']:.2f} d, {rate:.0f} updates/s"
        )
        self.bar.update(self.task, completed=int(loop.update), note=note)
        if self.lines:
            self.console.print(f"update {int(loop.update):>6}: {note}", soft_wrap=True)
