"""What the machine has, as Linux tells it, and a container that has less."""

from pathlib import Path

import pytest

from embedder.machine import cores, free_memory_bytes, has_matrix_units
from embedder.precision import of_features, of_gpu


def told(root: Path, **files: str) -> Path:
    """A file system whose *files*, ``proc_cpuinfo`` for ``proc/cpuinfo``, say so."""
    for name, text in files.items():
        path = root / name.replace("_", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def cgroup(root: Path, **files: str) -> Path:
    folder = root / "sys/fs/cgroup"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return root


@pytest.mark.parametrize(
    ("flags", "has_them"),
    [
        ("fpu avx512f avx512_bf16 amx_bf16 avx512_fp16 amx_tile amx_int8", True),
        ("fpu avx512f avx512_bf16", False),
        ("fpu amx_bf16_but_another", False),
        ("", False),
    ],
)
def test_units_for_matrices_are_told_by_the_flags(tmp_path: Path, flags: str, *, has_them: bool) -> None:
    told(tmp_path, proc_cpuinfo=f"processor\t: 0\nflags\t\t: {flags}\n")
    assert has_matrix_units(tmp_path) is has_them


def test_a_machine_that_tells_nothing_has_nothing_special(tmp_path: Path) -> None:
    assert not has_matrix_units(tmp_path)
    assert free_memory_bytes(tmp_path) is None
    assert cores(tmp_path) >= 1


def test_memory_is_what_machine_and_container_both_have(tmp_path: Path) -> None:
    told(tmp_path, proc_meminfo="MemTotal: 9000000 kB\nMemAvailable: 4000000 kB\n")
    assert free_memory_bytes(tmp_path) == 4_000_000 << 10
    cgroup(tmp_path, memory_max="2000000000\n", memory_current="500000000\n")
    assert free_memory_bytes(tmp_path) == 1_500_000_000
    cgroup(tmp_path, memory_current="3000000000\n")
    assert free_memory_bytes(tmp_path) == 0
    cgroup(tmp_path, memory_max="max\n")
    assert free_memory_bytes(tmp_path) == 4_000_000 << 10


@pytest.mark.parametrize(("quota", "most"), [("100000 100000", 1), ("50000 100000", 1), ("max 100000", None)])
def test_a_container_may_have_fewer_cores(tmp_path: Path, quota: str, most: int | None) -> None:
    assert cores(cgroup(tmp_path, cpu_max=f"{quota}\n")) == (most or cores(tmp_path / "elsewhere"))


@pytest.mark.parametrize(
    ("capability", "precision"),
    [((8, 0), "bfloat16"), ((9, 0), "bfloat16"), ((7, 5), "float32"), (None, "float32")],
)
def test_a_gpu_computes_in_what_it_has_units_for(capability: tuple[int, int] | None, precision: str) -> None:
    assert of_gpu(capability) == precision


@pytest.mark.parametrize(
    ("fingerprint", "precision"),
    [
        ("imagenet weights, sprite-2, bfloat16", "bfloat16"),
        ("weights 0123456789abcdef, classic-1, float32", "float32"),
        ("colour-2", "auto"),
        ("", "auto"),
    ],
)
def test_features_tell_what_they_were_computed_in(fingerprint: str, precision: str) -> None:
    assert of_features(fingerprint) == precision
