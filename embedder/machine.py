"""What the machine has for embedding: cores, memory, units for matrices. Containers may have less than their machine."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path("/")

_MATRIX_UNITS = "amx_bf16"
"""What Linux calls units for matrices of bfloat16."""


def cores(root: Path = ROOT) -> int:
    """Return how many cores this process may use."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period_us = _told(root / "sys/fs/cgroup/cpu.max").partition(" ")
    if quota.isdecimal() and period_us.isdecimal():
        here = min(here, max(1, int(quota) // int(period_us)))
    return here


def free_memory_bytes(root: Path = ROOT) -> int | None:
    """Return how much memory may be taken, or None where nobody says so."""
    free = [
        int(line.split()[1]) << 10
        for line in _told(root / "proc/meminfo").splitlines()
        if line.startswith("MemAvailable:")
    ]
    most, used = (_told(root / "sys/fs/cgroup" / name) for name in ("memory.max", "memory.current"))
    if most.isdecimal() and used.isdecimal():
        free.append(max(0, int(most) - int(used)))
    return min(free, default=None)


def has_matrix_units(root: Path = ROOT) -> bool:
    """Say whether the processor multiplies matrices of bfloat16 at once."""
    return _MATRIX_UNITS in _told(root / "proc/cpuinfo").split()


def _told(path: Path) -> str:
    """Return what the system says in *path*, or nothing: most of these are Linux's alone."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
