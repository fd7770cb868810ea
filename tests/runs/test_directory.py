"""Run directories that could not be begun, and those of another version."""

import pytest
from builders import make_config

from invrl.errors import InvrlError
from invrl.runs import directory
from invrl.runs.directory import Run


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), InvrlError("cannot write")])
def test_a_full_disk_leaves_nothing_begun(tmp_path, monkeypatch, error):
    def refuse(*_):
        raise error

    monkeypatch.setattr(directory.Run, "write", refuse)
    with pytest.raises(type(error)):
        directory.create(tmp_path, "run", make_config(), {})
    assert list(tmp_path.iterdir()) == []


def old_run(path):
    path.mkdir(exist_ok=True)
    (path / "config.toml").write_text("[ds]\ntwin = true\nquiver = 3\n")
    (path / "manifest.json").write_text('{"versions": {"invrl": "0.0.1"}}')


def test_a_run_with_keys_of_another_version_names_that_version(tmp_path):
    old_run(tmp_path)
    said = r"was made by invrl 0\.0\.1, this is .*ds\.twin: unknown key"
    with pytest.raises(InvrlError, match=said) as caught:
        _ = Run(tmp_path).config
    assert "\n" not in caught.value.message and "train it again" in caught.value.hint


def test_a_list_of_runs_goes_on_beside_one_of_another_version(tmp_path, invrl):
    old_run(tmp_path / "old-1a2b3c")
    directory.create(tmp_path, "new", make_config(), {})
    code, out, err = invrl("runs", "ls", str(tmp_path))
    assert code == 0 and "unreadable" in out and "ds/both" in out and "made by invrl 0.0.1" in err
