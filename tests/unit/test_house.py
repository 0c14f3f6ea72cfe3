"""The house rules that a tool can hold: sizes, and who may import or read what."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("artstore", "embedder", "ogaspider", "search")
MODULES = [
    path.relative_to(ROOT).as_posix() for package in PACKAGES for path in (ROOT / package).rglob("*.py")
]

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60

ALLOWED_IMPORTS = {
    "hnswlib": {"artstore/vectors/hnsw.py"},
    "faiss": {"artstore/vectors/rabitq.py"},
    "tensorflow": {"embedder/keras_models.py"},
    "pyarrow": {"search/export.py"},
    "keras": {"embedder/keras_models.py"},
    "sqlite3": {"artstore/schema.py", "artstore/catalog.py"},
    "sqlite_utils": {"artstore/schema.py", "artstore/migrations.py"},
    "playwright": {"ogaspider/browser.py", "ogaspider/chromium.py", "ogaspider/navigation.py"},
    "scrapy_playwright": {"ogaspider/browser.py"},
    **{
        library: {module for module in MODULES if module.startswith("search/web/")}
        for library in ("fastapi", "starlette", "uvicorn", "jinja2", "prometheus_client")
    },
    "scrapy": {module for module in MODULES if module.startswith("ogaspider/")},
}


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text("utf-8"))


def nodes() -> Iterator[tuple[str, ast.AST]]:
    for module in MODULES:
        for node in ast.walk(tree_of(module)):
            yield module, node


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return [node.module.partition(".")[0]]
    return []


def test_there_are_modules_to_look_at() -> None:
    assert {module.partition("/")[0] for module in MODULES} == set(PACKAGES)


def test_modules_are_short() -> None:
    lengths = {module: len((ROOT / module).read_text("utf-8").splitlines()) for module in MODULES}
    assert {module: lines for module, lines in lengths.items() if lines > MAX_MODULE_LINES} == {}


def test_functions_are_short() -> None:
    long = {
        f"{module}:{node.lineno} {node.name}"
        for module, node in nodes()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > MAX_FUNCTION_LINES
    }
    assert long == set()


def test_every_module_says_what_it_is() -> None:
    # A folder of commands or spiders may be marked as a package by an empty file.
    silent = {module for module in MODULES if tree_of(module).body and not ast.get_docstring(tree_of(module))}
    assert silent == set()


@pytest.mark.parametrize("library", ALLOWED_IMPORTS)
def test_a_library_is_imported_only_where_it_belongs(library: str) -> None:
    users = {module for module, node in nodes() if library in imported(node)}
    assert users <= ALLOWED_IMPORTS[library]


def test_questions_know_nothing_of_the_web() -> None:
    knowing = {
        module
        for module, node in nodes()
        if not module.startswith("search/web/")
        and isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("search.web")
    }
    assert knowing <= {"search/__main__.py"}


def test_heavy_libraries_are_not_imported_with_their_module() -> None:
    assert [library for node in tree_of("embedder/keras_models.py").body for library in imported(node)].count(
        "tensorflow"
    ) == 0


def test_the_environment_is_read_by_the_settings_alone() -> None:
    readers = {
        module
        for module, node in nodes()
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"})
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {"environ", "getenv"} & names_in(node)
        )
    }
    assert readers <= {"artstore/settings.py", "embedder/keras_models.py"}


def names_in(node: ast.ImportFrom) -> set[str]:
    return {alias.name for alias in node.names}


def test_tensorflow_is_told_how_to_run_by_setdefault_and_nothing_else() -> None:
    tree = tree_of("embedder/keras_models.py")
    uses = [
        ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name | ast.Call)
    ]
    environ = [use for use in uses if use.endswith("environ")]
    setdefault = [use for use in uses if use.endswith("environ.setdefault")]
    assert len(environ) == len(setdefault) <= 2


def test_nothing_catches_everything() -> None:
    broad = {
        module
        for module, node in nodes()
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) == "Exception")
        and not module.endswith("__main__.py")
    }
    # Keras raises a bare Exception where a download fails.
    assert broad <= {"embedder/keras_models.py"}


def test_imports_only_run_down() -> None:
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command; lint_imports_command()",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
