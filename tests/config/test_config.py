"""Configs: what is written is read back, and every mistake is told at once, with a guess."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import Any

import pytest

from invrl.cli.options import is_override, load_config
from invrl.config import reading
from invrl.config.reading import flatten, load, merge, parse_override, to_tree
from invrl.config.schema import Config
from invrl.config.toml import to_toml
from invrl.errors import InvrlError


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def complaint(*words: str, name: str | None = None, **cell: str) -> InvrlError:
    with pytest.raises(InvrlError) as error:
        load(name, words, **cell)
    assert error.value.exit_code == 2
    return error.value


# ---- reading and writing ------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("seed=7", "reg=base", "supply.lead_time=1-7", "network.hidden=[]", "features.groups=[]"),
        (
            "train.min_improvement=1e-9",
            "ds.learning_rate=2.5e-05",
            "objective.width=1e10",
            "evaluation.turnover_cap=1e300",
        ),
        (
            'data.path="C:\\\\new\\tpanel \\"1\\".csv"',
            'data.columns."unmet demand"=qty',
            "data.columns.sku=artículo",
        ),
        ("data.options.nested.deep=1", "data.options.list=[1, 2.5, 'x']", "data.options.flag=true"),
        ("data.options.start=2024-01-31",),
        ("data.options.steps=[{day=1, rate=2.0}]",),
        ('data.path="two\\r\\nlines\\u0000"',),
    ],
    ids=[
        "defaults",
        "rules",
        "floats",
        "strings",
        "options",
        "date",
        "tables in a list",
        "control characters",
    ],
)
def test_round_trip(tmp_path: Path, words: tuple[str, ...]) -> None:
    config = load(None, words)
    assert load(written(tmp_path, to_toml(config))) == config


def test_every_field_survives_a_round_trip(tmp_path: Path) -> None:
    """Each number and switch off its default, one file."""
    changed = {int: lambda x: x + 3, float: lambda x: x + 0.03125, bool: lambda x: not x}
    tree = to_tree(Config())
    for table in tree.values():
        if isinstance(table, dict):
            table |= {
                key: changed[type(value)](value) for key, value in table.items() if type(value) in changed
            }
    config = reading.build(tree)
    assert load(written(tmp_path, to_toml(config))) == config != Config()


def test_overrides_are_typed_by_the_field() -> None:
    words = "train.updates=200 ds.learning_rate=1 baseline.per_pair=true network.hidden=[32,16] "
    words += "supply.lead_time=3 data.options.pairs=9 features.groups=recent,calendar"
    config = load(None, words.split())
    assert config.train.updates == 200
    assert config.ds.learning_rate == 1.0 and isinstance(config.ds.learning_rate, float)
    assert config.baseline.per_pair is True
    assert config.network.hidden == (32, 16)
    assert config.supply.lead_time == "3"
    assert config.data.options == {"pairs": 9}
    assert config.features.groups == ("recent", "calendar")


@pytest.mark.parametrize(
    ("word", "pair"),
    [
        ("a.b=1", ("a.b", 1)), ("a=1-7", ("a", "1-7")), ("a=1,2,7", ("a", "1,2,7")), ("a=x=y", ("a", "x=y")),
        ("a=", ("a", "")), ('a="1"', ("a", "1")), ("a=2024-01-31", ("a", datetime.date(2024, 1, 31))),
        ("a=[1, 2]", ("a", [1, 2])), ("a=panel 2.csv", ("a", "panel 2.csv")), ("a=True", ("a", "True")),
        ("a=x # y", ("a", "x # y")),
    ],
)  # fmt: skip
def test_words(word: str, pair: tuple[str, Any]) -> None:
    assert parse_override(word) == pair


@pytest.mark.parametrize("word", ["train.updates", "=3", ""])
def test_a_word_without_key_or_sign_is_refused(word: str) -> None:
    assert f"`{word}` is not key=value" in complaint(word).message


def test_later_wins(tmp_path: Path) -> None:
    name = written(
        tmp_path,
        """
        algo = "ds"
        reg = "none"
        [train]
        updates = 1
        patience = 1
        [tuned.ds.none.train]
        updates = 2
        patience = 2
        [tuned.ds.base.train]
        updates = 3
    """,
    )
    assert (load(name).train.updates, load(name).train.patience) == (2, 2)
    assert (load(name, reg="base").train.updates, load(name, reg="base").train.patience) == (3, 1)
    assert load(name, ["reg=base"]).train.updates == 3
    assert load(name, ["train.updates=9"]).train.updates == 9
    assert load(name, ["train.updates=9", "train.updates=10"]).train.updates == 10
    assert load(name, reg="both").train.updates == 1


def test_an_override_of_the_cell_takes_that_cell_s_table(tmp_path: Path) -> None:
    """Overrides win over the options; the tuned table must be the one of the cell that comes out."""
    name = written(tmp_path, "[tuned.ds.none.train]\nupdates = 2\n[tuned.ds.base.train]\nupdates = 3\n")
    config = load(name, ["reg=base"], reg="none")
    assert (config.reg, config.train.updates) in {("base", 3), ("none", 2)}


def test_tables_merge_deeply() -> None:
    tree: dict[str, Any] = {"a": {"b": 1, "c": {"d": 2}}, "e": 3}
    merge(tree, {"a": {"c": {"f": 4}}, "e": {"g": 5}})
    assert tree == {"a": {"b": 1, "c": {"d": 2, "f": 4}}, "e": {"g": 5}}


def test_defaults_are_untouched_by_overrides() -> None:
    before = dict(flatten(to_tree(Config())))
    load(None, ["data.options.pairs=9", "train.updates=1"])
    assert dict(flatten(to_tree(Config()))) == before
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().seed = 1  # type: ignore[misc]


# ---- mistakes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("train.updats=3", "did you mean `train.updates`?"),
        ("ds.lerning_rate=3", "did you mean `ds.learning_rate`?"),
        ("sed=3", "did you mean `seed`?"),
        ("train.lr.x=3", "`train."),
        ("trian.updates=3", "train"),  # the table is misspelled
    ],
)
def test_unknown_keys_get_a_guess(word: str, hint: str) -> None:
    error = complaint(word)
    assert "unknown key" in error.message and word.split("=")[0].split(".")[0] in error.message
    assert error.hint.startswith("did you mean") and hint in error.hint


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("train.updates=2.5", "train.updates: 2.5 is not a whole number"),
        ("train.updates=many", "train.updates: 'many' is not a whole number"),
        ("train.updates=true", "train.updates: True is not a whole number"),
        ("ds.learning_rate=fast", "ds.learning_rate: 'fast' is not a number"),
        ("ds.learning_rate=false", "ds.learning_rate: False is not a number"),
        ("baseline.per_pair=1", "baseline.per_pair: 1 is not true or false"),
        ("data.path=true", "data.path: True is not text"),
        ("network.hidden=[8, 'x']", "network.hidden: 'x' is not a whole number"),
        ("objective.kind=profit", "objective.kind: no choice 'profit'"),
        ("objective.kind=[1]", "objective.kind: no choice [1]"),
        ("train=3", "train: a table, not 3"),
        ("data.options=3", "data.options: a table, not 3"),
        ("train.updates.x=3", "train.updates: {'x': 3} is not a whole number"),
        ("algo=[1]", "algo: [1] is not text"),
        ("reg=true", "reg: True is not text"),
    ],
)
def test_values_of_the_wrong_type(word: str, said: str) -> None:
    error = complaint(word)
    assert error.message == said
    assert error.hint


@pytest.mark.parametrize(
    "word",
    [
        "train.evaluate_every=0", "train.updates=-1", "train.patience=-1", "objective.width=0",
        "objective.holding=-1",
        "objective.penalty=nan", "ds.learning_rate=nan", "ds.clip_norm=0", "ds.batch_pairs=0",
        "network.hidden=[0]",
        "supply.initial_days=-1", "supply.pack_size=-1", "split.history_days=-1",
        "split.warmup_days=-1", "evaluation.bootstrap=-1", "evaluation.turnover_cap=0", "seed=-1",
    ],
)  # fmt: skip
def test_values_out_of_bounds_are_refused(word: str) -> None:
    """Each of these would train or report nonsense, or end in a traceback."""
    assert word.split("=")[0] in complaint(word).message


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    name = written(tmp_path, 'sed = 1\n[train]\nupdates = "x"\nlr = 3\n[objective]\nkind = "profit"\n')
    error = complaint("ds.clip=1", name=name)
    assert [line.split(";")[0].strip() for line in error.message.splitlines()] == [
        "sed: unknown key",
        "train.updates: 'x' is not a whole number",
        "train.lr: unknown key",
        "objective.kind: no choice 'profit'",
        "ds.clip: unknown key",
    ]
    assert "did you mean `seed`?" in error.message.splitlines()[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tuned = 3", "tuned"),
        ("[tuned]\nds = 3", "tuned.ds"),
        ("[tuned.ds]\nbase = 3", "tuned.ds.base"),
        ("[tuned.ds.bsae.train]\nupdates = 3", "tuned.ds.bsae"),
        ("[tuned.dss.base.train]\nupdates = 3", "tuned.dss"),
        ("[tuned.ppo.base.train]\nupdats = 3", "updats"),
        ("[tuned.ppo.base.train]\nupdates = 'x'", "updates"),
    ],
)
def test_mistakes_in_tuned_tables_are_told(tmp_path: Path, text: str, said: str) -> None:
    """Also in the tables of cells that this run does not use: a typo there would be silently ignored."""
    assert said in complaint(name=written(tmp_path, text)).message


def test_files_that_are_none(tmp_path: Path) -> None:
    assert "no config file" in complaint(name=str(tmp_path / "none.toml")).message
    assert "is not TOML" in complaint(name=written(tmp_path, "train = = 3")).message
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    assert "is not TOML" in complaint(name=str(tmp_path / "bytes.toml")).message


def test_an_unknown_name_gets_a_guess(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "quickstart.toml").write_text("seed = 5")
    monkeypatch.setattr(reading, "EXPERIMENTS", tmp_path)
    assert load("quickstart").seed == 5
    error = complaint(name="quikstart")
    assert error.message == "no config `quikstart`" and error.hint == "did you mean `quickstart`?"


def test_a_folder_of_the_same_name_does_not_hide_a_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, here = tmp_path / "ready", tmp_path / "here"
    ready.mkdir()
    (here / "retail").mkdir(parents=True)
    (ready / "retail.toml").write_text("seed = 5")
    monkeypatch.setattr(reading, "EXPERIMENTS", ready)
    monkeypatch.chdir(here)
    assert load("retail").seed == 5


def test_a_table_for_any_form_gives_way_to_the_forms_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[tuned.ppo.any.train]\nupdates = 7\npatience = 3\n[tuned.ppo.base.train]\nupdates = 8\n")
    found = {reg: load(str(file), algo="ppo", reg=reg).train for reg in ("none", "base")}
    assert [(t.updates, t.patience) for t in found.values()] == [(7, 3), (8, 3)]
    assert load(str(file), algo="ds", reg="none").train == Config().train


@pytest.mark.parametrize(
    ("word", "meant"),
    [("data.options.pairs=5", True), ("ds.learning_rate=1", True), ("lr=0.1-3fa2c1", False),
     ("runs/lr=0.1-3fa2c1", False), ("data.csv", False)],
)  # fmt: skip
def test_a_name_may_hold_an_equals_sign(word: str, meant: bool) -> None:
    assert is_override(word) is meant


def test_words_about_the_data_hold_beside_data(tmp_path):
    (tmp_path / "f.csv").write_text("")
    found = load_config(None, ["data.options.pairs=10", "data.gaps=zero"], data=str(tmp_path / "f.csv")).data
    assert (found.source, found.options, found.gaps) == ("file", {"pairs": 10}, "zero")
    found = load_config("quickstart", ["data.options.mean=5"], data="lost-sales").data
    assert (found.source, found.options) == ("lost-sales", {"mean": 5})
    with pytest.raises(InvrlError, match=r"both --data and data\.path"):
        load_config(None, ["data.path=g.csv"], data="lost-sales")


def test_configs_of_old_runs_are_read_where_their_lost_keys_did_nothing() -> None:
    tree = reading.to_tree(Config())
    tree["ds"] |= reading.nested("recombine", False) | {"copies": 1}
    assert reading.build(tree) == Config()
    tree["ds"]["recombine"] = True
    with pytest.raises(InvrlError, match=r"ds\.recombine: unknown key"):
        reading.build(tree)
