"""Answers that took a while, kept for the next who ask the same."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """The values that were used last, up to *limit_bytes* of them and always the last one. Safe in many threads."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._values: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """Return what is kept for *key*, or None."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def keep(self, key: Key, value: Value, size_bytes: int) -> None:
        """Keep *value*, which takes *size_bytes*, instead of what was kept for *key*; those go that nobody used for longest."""
        with self._lock:
            self._bytes += size_bytes - self._values.pop(key, (None, 0))[1]
            self._values[key] = value, size_bytes
            while self._bytes > self._limit_bytes and len(self._values) > 1:
                self._bytes -= self._values.popitem(last=False)[1][1]
