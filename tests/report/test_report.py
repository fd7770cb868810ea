"""`invrl report`: what its sections compute, and the page they make, also in a browser if there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from invrl import registry
from invrl.charts import svg
from invrl.config import reading
from invrl.config.toml import to_toml
from invrl.errors import InvrlError
from invrl.policies.heads import PIL_COEFF
from invrl.registry import get
from invrl.report import classes, facts, frontier, headline, manifest, markup, page, pairs, policies, tuning
from invrl.report.facts import Facts, gather, narrowed, slowest
from invrl.report.policies import decide
from invrl.runs.directory import Run
from invrl.scoring import comparison
from invrl.scoring.intervals import Estimate
from invrl.scoring.rules import classical
from invrl.scoring.trace import trace
from invrl.training import session

SMALL = (
    "data.source=retail", "data.options.pairs=24", "data.options.days=70", "data.options.seed=3",
    "supply.lead_time=1-5", "supply.review_period=2",
    "split.validation_days=10", "split.test_days=10", "split.warmup_days=7", "network.hidden=[8]",
    "train.updates=20", "train.evaluate_every=5", "evaluation.bootstrap=50",
    "baseline.beside=['incumbent','clairvoyant']",
)  # fmt: skip


def finished(folder: Path, *words: str, **cell: str) -> Run:
    """A run on one review period: its groups share their longest lead time."""
    experiment = session.load_experiment(reading.load(None, [*SMALL, *words], **cell))
    run = session.begin(experiment, folder, f"{experiment.config.algo}-{experiment.config.reg}")
    session.train(experiment, run, lambda loop, metrics: None)
    return run


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DS BASE, DS BOTH, and a further configuration of DS BOTH that did worse (a copy, to save time)."""
    folder = tmp_path_factory.mktemp("study")
    finished(folder, reg="base")
    run = finished(folder, reg="both")
    worse = Run(Path(shutil.copytree(run.path, folder / "ds-both-worse")))
    settings = to_toml(replace(run.config, ds=replace(run.config.ds, learning_rate=1e-4)))
    (worse.path / "config.toml").write_text(settings)
    content = worse.read("results.json")
    content["splits"]["validation"]["policies"]["ds/both"]["objective"] = [99.0, 98.0, 100.0]
    worse.write("results.json", content)
    return folder


@pytest.fixture(scope="module")
def found(study: Path) -> Facts:
    return gather([Run(path) for path in sorted(study.iterdir())], None, "test", 50)


@pytest.fixture(scope="module")
def text(found: Facts) -> str:
    return page.render(found)


# What the report starts from


def test_the_best_learned_cell_and_its_run_are_chosen_by_validation(found: Facts) -> None:
    scores = {run.name: facts.validation_score(run) for run in found.found.values()}
    assert found.run.name == min(scores, key=scores.__getitem__)
    assert found.main.name == f"ds/{found.run.config.reg}" and found.rival and found.rival.name == "incumbent"
    assert found.comparison.reference == "ds/base", "the first learned cell, as `invrl compare` has it"


def test_a_single_run_is_held_against_the_incumbent(found: Facts) -> None:
    one = gather([found.run], None, "validation", 0)
    assert one.comparison.reference == "incumbent" and one.main.deltas and one.rival
    assert one.main.deltas["objective"].mean == pytest.approx(
        one.main.means["objective"].mean - one.rival.means["objective"].mean,
        rel=1e-5,
    )


def test_changed_data_is_refused(found: Facts, tmp_path: Path) -> None:
    copy = Run(Path(shutil.copytree(found.run.path, tmp_path / "copy")))
    copy.write("results.json", copy.read("results.json") | {"data_fingerprint": "another"})
    with pytest.raises(InvrlError, match="the data of copy changed"):
        gather([copy], None, "test", 0)


def test_a_narrowed_experiment_runs_its_pairs_as_the_whole_one_does(found: Facts) -> None:
    everyone = found.experiment
    wanted = np.array([3, 11])
    few = narrowed(everyone, "test", np.union1d(wanted, slowest(everyone.panel, found.pairs)))
    assert few.test.pairs.size < everyone.test.pairs.size
    part = trace(few, *session.restore(found.run, few), "test")
    whole = trace(everyone, *session.restore(found.run, everyone), "test")
    for pair in wanted:
        sku, warehouse = everyone.panel.sku[pair], everyone.panel.warehouse[pair]
        rows = [(t["sku"] == sku) & (t["warehouse"] == warehouse) for t in (part, whole)]
        assert part["date"][rows[0]].tolist() == whole["date"][rows[1]].tolist()
        for name in ("order", "on_hand", "inventory_position"):
            assert part[name][rows[0]] == pytest.approx(whole[name][rows[1]], rel=1e-4, abs=1e-4), name


def test_slowest_keeps_the_longest_lead_time_of_each_review_period() -> None:
    class Panel:
        lead_time = np.array([[1, 4, 2, 9], [1, 5, 7, 9]])
        review_period = np.array([1, 1, 1, 2])

    assert slowest(Panel(), np.array([0, 1, 3])).tolist() == [1, 3]  # type: ignore[arg-type]


# Sections


def test_the_frontier_passes_through_the_tuned_incumbent_and_falls(found: Facts) -> None:
    numbers = found.numbers["incumbent"]
    factors = np.array([-8.0, -5.0, -2.0, float(numbers[0, 0])])
    curve = frontier.moved(found.experiment, "incumbent", numbers, "test", factors)
    rates = curve.stockout_rate
    assert (np.diff(rates) <= 0).all() and rates[0] > rates[3], rates
    assert found.rival is not None
    assert curve.stockout_rate[3] == pytest.approx(found.rival.means["stockout_rate"].mean, rel=1e-5)
    assert curve.turnover_time[3] == pytest.approx(found.rival.means["turnover_time"].mean, rel=1e-5)


def test_base_orders_up_to_its_raw_level(found: Facts) -> None:
    """Head BASE: order = max(raw * recent demand of the protection interval - position, 0), rounded."""
    cell = next(cell for cell in found.comparison.cells if cell.reg == "base")
    seen = policies.look(found, cell)
    expected = np.maximum(seen.raw[0] * seen.recent - seen.position, 0.0)
    assert seen.order.size > 100 and (seen.order > 0).any()
    assert (np.abs(seen.order - expected) <= 0.501).all()
    np.testing.assert_array_equal(seen.order, np.rint(seen.order))
    few = seen.sample(10)
    assert few.order.size == 10 and few.raw.shape == (1, 10) and set(few.order) <= set(seen.order)


def test_decisions_are_the_orders_of_the_trace(found: Facts) -> None:
    rule, shared, own = session.restore(found.run, found.experiment)
    seen = decide(found.experiment, rule, shared, "test")
    rows = trace(found.experiment, rule, shared, own, "test")
    assert seen.order.size == rows["review"].sum()
    assert np.sort(seen.order) == pytest.approx(np.sort(rows["order"][rows["review"]]), rel=1e-4, abs=1e-5)


def test_classes_cover_every_pair_once(found: Facts) -> None:
    labels = np.array([f"W{k:02d}" for k in range(20)] * 3 + ["W00"])
    made = classes.merged(labels, "warehouse")
    assert len(made) == classes.MOST + 1 and made[-1][0] == "others"
    assert sum(mask.astype(int) for _, mask in made).tolist() == [1] * 61  # type: ignore[union-attr]
    assert made[0][0] == "W00" and made[0][1].sum() == 4, "the largest, in the order of their names"
    assert [name for name, _ in classes.merged(np.array(["slow", "fast", "slow"]), "velocity")] == [
        "slow",
        "fast",
    ]


def test_class_means_add_up_to_the_whole(found: Facts) -> None:
    half = np.arange(found.pairs.size) < 9
    parts = classes.measured(found, [("a", half), ("b", ~half)])
    share = found.weight[half].sum() / found.weight.sum()
    for measure in classes.MEASURES:
        a, b = (part.mine[measure].mean for part in parts)
        assert share * a + (1 - share) * b == pytest.approx(found.main.means[measure].mean, rel=1e-5)
        delta = parts[0].delta[measure].mean  # type: ignore[index]
        assert delta == pytest.approx(a - parts[0].rival[measure].mean, abs=1e-5)  # type: ignore[index]


def test_best_pairs_gain_and_worst_pairs_lose(found: Facts) -> None:
    best, worst = pairs.chosen(found)
    assert found.rival is not None
    gain = dict(
        zip(found.pairs, found.main.values["objective"] - found.rival.values["objective"], strict=True)
    )
    assert all(gain[pair] < 0 for pair in best) and all(gain[pair] > 0 for pair in worst)
    assert best.size and not set(best) & set(worst)
    swapped = pairs.chosen(replace(found, main=found.rival, rival=found.main))
    assert [one.tolist() for one in swapped] == [worst.tolist(), best.tolist()]
    mean = found.experiment.panel.demand[found.experiment.training_days].mean(0)
    assert min(mean[[*best, *worst]]) >= np.median(mean[found.pairs]) - 1e-6


def test_traces_of_the_rival_are_those_of_the_tuned_incumbent(found: Facts) -> None:
    best, _ = pairs.chosen(found)
    _, rival = pairs.traces(found, best[:1])
    rule = classical(get("baseline", "incumbent"), found.experiment.config)
    whole = trace(found.experiment.incumbents, rule, None, found.numbers["incumbent"], "test")
    sku, warehouse = found.experiment.panel.sku[best[0]], found.experiment.panel.warehouse[best[0]]
    assert rival is not None
    orders = [t["order"][(t["sku"] == sku) & (t["warehouse"] == warehouse)] for t in (rival, whole)]
    assert orders[0] == pytest.approx(orders[1], rel=1e-5) and orders[0].sum() > 0


def test_trials_of_a_cell_are_its_configurations(found: Facts) -> None:
    trials = {(t.algo, t.reg): t for t in tuning.by_cell(list(found.found.values()), "test")}
    assert trials["ds", "both"].validation.size == 2 and trials["ds", "base"].validation.size == 1
    doubled = [*found.found.values(), *found.found.values()]  # as further seeds would: no further trials
    assert {t.reg: t.validation.size for t in tuning.by_cell(doubled, "test")} == {"both": 2, "base": 1}


def test_the_running_median_by_hand() -> None:
    x = np.repeat([0.25, 0.75, 1.25], [11, 11, 3])
    y = np.concatenate([np.arange(11.0), np.arange(11.0) + 100, [7, 7, 7]])
    middle, median = policies.running_median(x, y, svg.Scale(0.0, 1.5), bins=3)
    assert (middle.tolist(), median.tolist()) == ([0.25, 0.75], [5, 105])  # 3 points are too few


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(-2.0, -1.0, "better"), (1.0, 2.0, "worse"), (-1.0, 1.0, "even")]
)
def test_verdicts_need_an_interval_without_zero(low: float, high: float, expected: str) -> None:
    assert headline.verdict(Estimate((low + high) / 2, low, high)) == expected


# Markup


def test_names_from_the_data_cannot_become_markup() -> None:
    bad = "<script>alert(1)</script>"
    made = [
        markup.table([{bad: bad}], bad), markup.figure("", bad, title=bad),
        markup.make_section("k", bad, "x"),
        markup.tile(bad, bad, bad, []), markup.legend([("base", "line", bad)]), markup.folded(bad, "x"),
        markup.graded(f"{bad} ±{bad}", "even"), markup.words(bad),
    ]  # fmt: skip
    assert not any("<script" in part for part in made)
    assert all("&lt;script&gt;" in part for part in made)


def test_emphasis_and_differences() -> None:
    assert markup.emphasised("a *b* c < d") == "a <b>b</b> c &lt; d"
    assert markup.graded("-1.2 ±0.3*", "better") == '<span class="better">-1.2</span> <small>± 0.3</small>'


# The page


class Tags(HTMLParser):
    """Checks that tags nest, and keeps what refers to other places."""

    VOID = ("meta", "br", "link", "img")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: Counter[str] = Counter()
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            self.ids[value or ""] += name == "id"
            if name in ("src", "href", "xlink:href", "data", "action", "srcset"):
                self.references.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()


def test_the_page_is_well_formed_complete_and_needs_nothing_from_outside(text: str) -> None:
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    assert all(tags.ids[key] == 1 for key in page.SECTIONS)
    assert sorted(tags.references) == sorted(f"#{key}" for key in page.SECTIONS), "only anchors of its own"
    assert not re.search(r"https?:|url\(|@import|<script|<link|<iframe", text)
    assert "nan" not in re.sub(r"<[^>]*>", " ", text).lower().split() and "NaN" not in text
    assert len(text) < 1_500_000


def test_every_picture_has_a_caption_and_a_name(text: str) -> None:
    figures = re.findall(r"<figure>.*?</figure>", text, re.S)
    assert len(figures) > 15
    for one in figures:
        assert re.search(r"<figcaption>.{10,}?</figcaption>", one, re.S) or "<table" in one, one[:200]
        assert all('role="img" aria-label=' in svg for svg in re.findall(r"<svg[^>]*>", one))


def test_the_headline_tells_the_numbers_of_the_comparison(found: Facts, text: str) -> None:
    rate, turnover = found.main.means["stockout_rate"].mean, found.main.means["turnover_time"].mean
    head = text[text.index("<header>") : text.index("</header>")]
    assert f">{100 * rate:.2f}<" in head and f">{turnover:.2f}<" in head
    assert "24 SKU-warehouse pairs" in head and "10 days that it never saw" in head
    assert "the best, by validation, of 3 runs in 2 cells" in head


def test_the_manifest_names_the_run_its_seed_and_its_data(found: Facts) -> None:
    made = manifest.section(found)
    assert found.run.name in made and found.content["data_fingerprint"] in made
    assert all(name in made for name in found.found), "every run is listed"
    assert "updates = 20" in made, "the settings are there"


def test_a_run_without_anything_learned_still_makes_a_page(tmp_path: Path) -> None:
    run = finished(tmp_path, "baseline.beside=['incumbent']", algo="incumbent")
    one = gather([run], None, "test", 0)
    assert one.rival is None and one.main.name == "incumbent"
    tags = Tags()
    tags.feed(page.render(one))
    assert tags.ids["grid"] and tags.ids["pairs"] and not tags.ids["learning"] and not tags.ids["policy"]


def test_a_form_of_one_s_own_has_its_colour_and_words(monkeypatch: pytest.MonkeyPatch) -> None:
    assert facts.head_of("mine") is None and facts.form_ink("mine") == "text"
    assert headline._form("mine") == "a form of its own"
    monkeypatch.setitem(registry.HEADS, "mine", PIL_COEFF._replace(puts_out="my numbers"))
    assert facts.head_of("mine").coefficients == PIL_COEFF.coefficients
    assert facts.form_ink("mine") in facts.INKS
    assert headline._form("mine") == "the network puts out my numbers"


def test_forms_come_in_the_paper_s_order_and_new_ones_behind() -> None:
    forms = ["pil_coeff", "both", "not loaded", "none", "pil", "coeff", "base"]
    ordered = ["none", "base", "coeff", "both", "pil", "pil_coeff", "not loaded"]
    assert sorted(forms, key=facts.form_order) == ordered
    assert sorted(forms, key=lambda reg: comparison.order("ds", reg)) == ordered


# The command


def test_the_command_writes_one_file_and_never_another_over_it(invrl, found: Facts, tmp_path: Path) -> None:
    words = (found.run.path, "--bootstrap", "20", "--quiet", "--out", "r.html")
    code, _, err = invrl("report", *words)
    assert code == 0 and "wrote r.html: 1 run" in err
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
    before = (tmp_path / "r.html").read_text()
    assert "on retail" in before
    code, _, err = invrl("report", *words)
    assert code == 2 and "r.html exists already" in err and (tmp_path / "r.html").read_text() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "no run `nothing`"),
        (["empty"], "no runs below empty"),
        (["RUN", "--split", "train"], "no results on `train`"),
        (["RUN", "--reference", "ddpg/none"], "no cell `ddpg/none` among the runs"),
        (["RUN", "--out", "no/r.html"], "there is no folder no"),
    ],
)
def test_bad_words(invrl, found: Facts, tmp_path: Path, words: list[str], message: str) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = invrl("report", *(str(found.run.path) if word == "RUN" else word for word in words))
    assert code == 2 and f"error: {message}" in err and "hint: " in err
    assert [path.name for path in tmp_path.iterdir()] == ["empty"], "nothing was written"


# In a browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
HOST = """<!DOCTYPE html>
<iframe style="border:0" width="{width}" height="900" srcdoc="{page}"></iframe>
<script>
document.querySelector("iframe").onload = event => {{
  const view = event.target.contentWindow, root = view.document.documentElement;
  const scrolls = ".scroll, nav, pre, svg, details";
  const wide = [...view.document.querySelectorAll("body *")].filter(e => !e.closest(scrolls) &&
    e.getBoundingClientRect().right > view.innerWidth + 1).map(e => e.tagName + "." + e.className);
  const drawn = root.querySelectorAll("svg").length;
  document.title = [view.innerWidth, root.scrollWidth, drawn, wide.join(" ")].join("|");
}};
</script>"""
"""A frame as wide as the screen in question: a browser's own window does not get as narrow as a phone."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """Runs the browser on a page with more words, and returns what it printed."""
    program = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if program is None:
        pytest.skip("no chromium on this machine")

    def run(file: Path, width: int, height: int, *words: str) -> str:
        profile = tmp_path_factory.mktemp("profile")
        size = f"--window-size={width},{height}"
        command = [program, *FLAGS, f"--user-data-dir={profile}", size, *words, file.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout

    return run  # type: ignore[return-value]


@pytest.mark.parametrize(("width", "scheme"), [(1280, 1), (390, 1), (390, 0)])
def test_the_page_fits_the_screen(browser, text: str, tmp_path: Path, width: int, scheme: int) -> None:
    """Desktop and phone, light and dark: nothing sticks out of the body, and it is not blank."""
    plain, host = tmp_path / "page.html", tmp_path / "host.html"
    plain.write_text(text)
    host.write_text(HOST.format(width=width, page=escape(text)))
    theme = f"--blink-settings=preferredColorScheme={scheme}"
    dumped = browser(host, 1400, 1000, "--dump-dom", theme)
    (title,) = re.findall(r"<title>([^<]*)</title>", dumped)
    inner, scroll, drawn, wide = title.split("|")
    assert int(inner) == width, "the browser took another width"
    assert int(scroll) <= width and wide == "", f"sticks out at {width}: {wide}"
    assert int(drawn) == text.count("<svg")
    browser(plain, width, 2400, f"--screenshot={tmp_path / 'shot.png'}", theme)
    look_at(tmp_path / "shot.png", width, dark=scheme == 0)


def look_at(shot: Path, width: int, dark: bool) -> None:
    """The screenshot has the asked width, the theme's background, and something on every stretch of it."""
    image = pytest.importorskip("matplotlib.image").imread(shot)[..., :3]  # [H, W, 3] in 0 .. 1
    assert image.shape[1] == width
    corner = float(image[2, 2].mean())
    assert corner < 0.2 if dark else corner > 0.9
    stretches = np.array_split(image.std(axis=2) + np.abs(image.mean(axis=2) - corner), 12)
    assert all((stretch > 0.2).mean() > 0.002 for stretch in stretches), "an empty stretch"
