"""Bad config files and words: exit code 2, a line that names the key, and a hint; before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest

FILES = {
    "unknown section": ("[foo]\nx = 1\n", "foo: unknown key"),
    "a key twice": ("[train]\nupdates = 3\nupdates = 4\n", "not TOML: Cannot overwrite a value"),
    "a section twice": ("[train]\nupdates = 3\n[train]\npatience = 4\n", "not TOML"),
    "no closing": ("[train\nupdates = 3\n", "not TOML"),
    "deep": ("x = " + "[" * 3000, "not TOML"),
    "UTF-16": ("[train]\n".encode("utf-16"), "not TOML"),
    "text": ("[train]\nupdates = 'many'\n", "'many' is not a whole number"),
    "a list": ("[train]\nupdates = [1, 2]\n", "[1, 2] is not a whole number"),
    "a table": ("[train.updates]\nx = 1\n", "train.updates: {'x': 1} is not a whole number"),
    "tables in a list": ("[[train]]\nupdates = 3\n", "train: a table, not"),
    "nan": ("[ds]\nlearning_rate = nan\n", "nan is not at least 0"),
    "inf": ("[ds]\nlearning_rate = inf\n", "inf is too large"),
    "weight inf": ("[objective]\nstockout_weight = inf\n", "inf is too large"),
    "pack inf": ("[supply]\npack_size = inf\n", "inf is too large"),
    "pack nan": ("[supply]\npack_size = nan\n", "nan is not at least 0"),
    "seed": ("seed = 99999999999999999999\n", "99999999999999999999 is too large"),
    "updates": ("[train]\nupdates = 99999999999999999999\n", "is too large"),
    "minibatch": ("[ddpg]\nminibatch = 4000000000\n", "is not above 0 and at most 1e+08"),
    "stock": ("[supply]\ninitial_days = 1e30\n", "is not at least 0 and at most 10000"),
    "algo": ("algo = 'nope'\n", "algo: nothing is called `nope`"),
    "form": ("reg = 'nope'\n", "reg: nothing is called `nope`"),
    "form of an incumbent": ("algo = 'incumbent'\nreg = 'nope'\n", "reg: nothing is called `nope`"),
    "beside": ("[baseline]\nbeside = ['nope']\n", "baseline.beside: nothing is called `nope`"),
    "groups": ("[features]\ngroups = 'recent,nope'\n", "features.groups: nothing is called `nope`"),
    "source": ("[data]\nsource = 'nope'\n", "data.source: nothing is called `nope`"),
    "tuned": ("[tuned.ds.base]\nfoo = 1\n", "tuned.ds.base.foo: unknown key"),
    "plugin": ("plugin = 'mine.py'\n", "plugin: unknown key"),
}
WORDS = {
    "a==b": "a: unknown key",
    "": "`` is not key=value",
    "=3": "`=3` is not key=value",
    " train.updates = 20": "train: unknown key",
    "train.updates=": "'' is not a whole number",
    "train.updates==3": "'=3' is not a whole number",
    "train=3": "train: a table, not 3",
    "train.updates=20\n[ds]\nlearning_rate=9": "is not a whole number",
    "network.hidden=8x8": "'8x8' is not a whole number",
    "ds.learning_rate=1e400": "inf is too large",
    "train.__class__=3": "train.__class__: unknown key",
    "data.options=3": "data.options: a table, not 3",
}


def refused(typed) -> str:
    line, _, hint = typed.err.partition("\n\nhint: ")
    assert (typed.code, typed.out) == (2, "")
    assert line.startswith("error: ") and "Traceback" not in line and hint.strip()
    return line


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file(invrl, name):
    content, message = FILES[name]
    Path("c.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert message in refused(invrl("config", "check", "c.toml"))


@pytest.mark.parametrize("word", WORDS, ids=repr)
def test_a_bad_word(invrl, word):
    assert WORDS[word] in refused(invrl("config", "check", "quickstart", word))


@pytest.mark.parametrize("name", ["folder.toml", "none.toml", "none", "", "~/none.toml"])
def test_no_such_file(invrl, name):
    Path("folder.toml").mkdir()
    refused(invrl("config", "check", name))


def test_lists_as_they_are_typed(invrl):
    shown = invrl("config", "show", "quickstart", "network.hidden=8,16", "supply.lead_time=1,2")
    assert "hidden = [8, 16]" in shown.out and 'lead_time = "1,2"' in shown.out


def test_a_byte_order_mark_is_no_key(invrl):
    Path("c.toml").write_text("\ufeff[train]\nupdates = 20\n", encoding="utf-8")
    assert invrl("config", "check", "c.toml").code == 0
