"""Arrays in `.npz` files, as a stranger may have written them: plain numbers and text, never objects."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from invrl.errors import InvrlError


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Name -> array.

    Raises:
        FileNotFoundError: there is no such file.
        InvrlError: it is cut off, no such archive, or holds objects, which could run code.
    """
    try:
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, NotImplementedError) as error:
        text = str(error).partition("\n")[0]
        raise InvrlError(f"{path} is damaged: {text}", hint="train again, or use another run") from None
