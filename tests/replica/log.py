"""Who asked for what, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import Message


@dataclass(frozen=True, slots=True)
class Entry:
    """One request. Headers are as sent, empty where there was none."""

    time_s: float
    """When it arrived, by a clock that only runs forward."""
    method: str
    target: str
    user_agent: str
    range: str
    if_none_match: str
    if_modified_since: str
    status: int
    """0 before the answer is known, and for a connection that was reset without one."""
    host: str
    if_range: str = ""
    sent_bytes: int = 0
    """How much of the body went out, as far as this side can know; final once the answer is over."""

    @classmethod
    def of(cls, time_s: float, method: str, target: str, headers: Message) -> Entry:
        def said(name: str) -> str:
            return headers.get(name, "")

        return cls(
            time_s, method, target, said("User-Agent"), said("Range"), said("If-None-Match"), said("If-Modified-Since"),
            0, said("Host"), said("If-Range"),
        )  # fmt: skip


class Log:
    """The requests so far, in the order of arrival; safe from any thread."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.entries: dict[int, Entry] = {}
        self.count = 0

    def add(self, entry: Entry) -> int:
        """Note a request and return its number, by which its outcome is noted."""
        with self.lock:
            self.count += 1
            self.entries[self.count] = entry
            return self.count

    def amend(self, number: int, status: int, sent_bytes: int) -> None:
        """Note the outcome, unless the request is forgotten."""
        with self.lock:
            if number in self.entries:
                self.entries[number] = replace(self.entries[number], status=status, sent_bytes=sent_bytes)

    def copy(self) -> list[Entry]:
        with self.lock:
            return list(self.entries.values())

    def forget(self) -> None:
        with self.lock:
            self.entries.clear()
