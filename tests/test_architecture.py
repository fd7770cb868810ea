"""The room plan, read off the syntax trees: who may import whom, and how large things may grow."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from invrl import registry

ROOT = Path(registry.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}

LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("registry", "tables"),
    ("config",),
    ("devices", "simulator", "runs"),
    ("demand", "metrics", "charts", "projection"),
    ("sources", "policies", "baselines", "forecasters"),
    ("algorithms",),
    ("experiment",),
    ("scoring",),
    ("training",),
    ("tuning",),
    ("report", "recommend", "pilot"),
    ("bench", "play"),
    ("cli",),
    ("__main__",),
)
"""Rooms (a file, or a folder of siblings) from the ground up: a room imports from the layers below
its own, and from itself. A new room takes its place here."""
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}

LINES, BODY, NESTING = 300, 40, 3
LONG_FILES: dict[str, int] = {}
LONG_FUNCTIONS: dict[str, int] = {}
"""`file:function` -> lines, for what reads better in one piece."""

STDLIB_ONLY = (
    "errors.py",
    "registry.py",
    "config/algorithms.py",
    "config/schema.py",
    "config/setting.py",
    "config/sections.py",
    "config/reading.py",
    "devices/memory.py",
)
TERMINAL = {"rich", "typer"}
EXTRAS = {"pyarrow", "matplotlib", "pandas", "pyfixest", "optuna", "ray", "sklearn"}
HEAVY = {"jax", "flax", "optax", *EXTRAS}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room_of(module: str) -> str:
    """`invrl.demand.panel` -> `demand`; the package itself is the version, which anybody may read."""
    return module.split(".")[1] if "." in module else ""


def module_of(path: Path) -> str:
    return ".".join(("invrl", *path.relative_to(ROOT).with_suffix("").parts))


def imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Full names of the modules (or their attributes) that the nodes import."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_top(tree: ast.Module) -> Iterator[ast.AST]:
    """Statements run by an import: not those in functions, nor for type checkers only."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def top_packages(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(at_top(TREES[path]))}


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, the docstring not counted."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0  # type: ignore[operator]


def depth(node: ast.AST, level: int = 0) -> int:
    """Deepest nesting of control flow below a node; `elif` goes no deeper than its `if`."""
    deepest = level
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.FunctionDef | ast.ClassDef):
                continue
            is_elif = isinstance(node, ast.If) and field == "orelse" and isinstance(child, ast.If)
            block = isinstance(child, ast.For | ast.While | ast.If | ast.With | ast.Try | ast.Match)
            deepest = max(deepest, depth(child, level + (block and not is_elif)))
    return deepest


# ---- who imports whom ---------------------------------------------------------------------


def test_every_room_has_its_place() -> None:
    rooms = {room_of(module_of(path)) for path in FILES} - {"__init__"}
    assert not rooms - set(LEVEL), "add the room to LAYERS"
    assert len(LEVEL) == sum(map(len, LAYERS))


def test_imports_point_down() -> None:
    wrong = []
    for path, tree in TREES.items():
        room = room_of(module_of(path))
        others = {room_of(name) for name in imported(ast.walk(tree)) if name.split(".")[0] == "invrl"}
        wrong += [
            f"{name_of(path)} imports {other}"
            for other in others - {"", room, "__version__"}
            if room != "__init__" and LEVEL[other] >= LEVEL[room]
        ]
    assert not wrong


@pytest.mark.parametrize("kind", ["algorithm", "baseline"])
def test_siblings_do_not_import_each_other(kind: str) -> None:
    modules = {entry.partition(":")[0] for entry in registry.TABLES[kind].values()}
    for module in modules:
        path = ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")
        names = set(imported(ast.walk(TREES[path])))
        assert not {m for m in modules - {module} if any(name.startswith(m) for name in names)}


@pytest.mark.parametrize("name", STDLIB_ONLY)
def test_stdlib_only(name: str) -> None:
    packages = {x.split(".")[0] for x in imported(ast.walk(TREES[ROOT / name]))}
    assert packages <= set(sys.stdlib_module_names) | {"invrl"}


def test_only_the_command_line_draws_on_the_terminal() -> None:
    for path, tree in TREES.items():
        if path.parent.name != "cli":
            assert not {name.split(".")[0] for name in imported(ast.walk(tree))} & TERMINAL, name_of(path)
            calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
            assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"], name_of(
                path
            )


def test_heavy_imports_wait() -> None:
    """The command line starts without jax; optional extras are imported where they are needed."""
    for path in FILES:
        late = HEAVY if path.parent.name == "cli" or name_of(path) in STDLIB_ONLY else EXTRAS
        assert not top_packages(path) & late, name_of(path)


def test_no_star_imports() -> None:
    for path, tree in TREES.items():
        stars = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.names[0].name == "*"]
        assert not stars, name_of(path)


# ---- how large ----------------------------------------------------------------------------


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_files_stay_short() -> None:
    long = {name_of(path): lines_of(path) for path in FILES if lines_of(path) > LINES}
    assert {name: lines for name, lines in long.items() if lines > LONG_FILES.get(name, LINES)} == {}


def test_functions_stay_short_and_flat() -> None:
    for path, tree in TREES.items():
        for function in functions(tree):
            name = f"{name_of(path)}:{function.name}"
            assert body_lines(function) <= LONG_FUNCTIONS.get(name, BODY), name
            assert depth(function) <= NESTING, name


def test_exceptions_are_still_needed() -> None:
    for name in LONG_FILES:
        assert lines_of(ROOT / name) > LINES, f"{name} needs no exception"
    lengths = {
        f"{name_of(path)}:{f.name}": body_lines(f) for path, tree in TREES.items() for f in functions(tree)
    }
    for name in LONG_FUNCTIONS:
        assert lengths[name] > BODY, f"{name} needs no exception"


def test_every_module_says_what_it_is() -> None:
    assert not [name_of(path) for path, tree in TREES.items() if not ast.get_docstring(tree)]


def test_rooms_have_telling_names() -> None:
    forbidden = {"utils", "helpers", "common", "core", "misc", "manager"}
    names = {part for path in FILES for part in path.relative_to(ROOT).with_suffix("").parts}
    assert not names & forbidden and not [name for name in names if name.startswith("base_")]


# ---- the registry -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, table in registry.TABLES.items() for name in table]
)
def test_every_registered_name_resolves(kind: str, name: str) -> None:
    assert registry.get(kind, name) is not None
