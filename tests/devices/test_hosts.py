"""Several hosts as one machine: two processes of two devices each, against this one of two devices."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from builders import SMALL

from invrl.cli import app
from invrl.devices import hosts
from invrl.errors import InvrlError
from invrl.runs import directory

WORDS = (*SMALL, "data.options.pairs=90", "train.updates=10", "baseline.beside=[]")


def together(devices: int, *words: str, count: int = 2) -> list[str]:
    """What each of `count` hosts prints when all run the command, on so many devices each."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "invrl", *words, "--hosts"]
    flags = f"--xla_force_host_platform_device_count={devices}"
    env = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    started = [
        subprocess.Popen(
            [*command, f"localhost:{port}/{count}/{k}"],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for k in range(count)
    ]  # fmt: skip
    printed = [process.communicate(timeout=300) for process in started]
    assert [process.returncode for process in started] == [0] * count, printed
    return [out for out, _ in printed]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("algo", "devices", "tolerance"),
    [("ds", 2, 1e-2), ("ddpg", 1, 1e-4)],
    ids=[
        "ds, four devices",
        "ddpg, two devices",
    ],  # sums in another order; DDPG explores with the noise of so many devices
)
def test_two_hosts_train_as_one(algo: str, devices: int, tolerance: float, tmp_path: Path) -> None:
    words = ("train", "--algo", algo, "--reg", "base", "--quiet", *WORDS)
    speaks, silent = together(devices, *words, "--out", str(tmp_path / "two"))
    assert "stockout %" in speaks and silent == "" and "Gloo" not in speaks
    app([*words, "--out", str(tmp_path / "one")], standalone_mode=False)
    (far,), (near,) = (directory.below(tmp_path / name) for name in ("two", "one"))  # the second left nothing
    assert far.read("manifest.json")["devices"]["hosts"] == 2
    for split in ("validation", "test"):
        a, b = far.pairs(split), near.pairs(split)
        for name in ("stockout_rate", "turnover_time"):
            name = f"{algo}/base:{name}"
            np.testing.assert_allclose(a[name], b[name], rtol=tolerance, atol=tolerance / 10)


def test_what_other_hosts_write_goes_to_a_copy(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.toml").write_text("seed = 1")
    copy = hosts.copied(tmp_path / "run")
    (copy / "config.toml").write_text("seed = 2")
    assert (tmp_path / "run" / "config.toml").read_text() == "seed = 1"


@pytest.mark.parametrize("text", ["node0", "node0:1/2", "node0:1/2/x", "node0:1/2/2", ":1/2/-1"])
def test_a_mistaken_address_is_refused(text: str) -> None:
    with pytest.raises(InvrlError, match="--hosts"):
        hosts.join(text)


def test_no_cluster_to_detect_is_said() -> None:
    with pytest.raises(InvrlError, match="--hosts auto"):
        hosts.join("auto")
