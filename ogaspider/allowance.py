"""How many bytes of files a crawl may still download."""

from __future__ import annotations


class AllowanceSpent(Exception):
    """The crawl has downloaded as much as it may. No failure: the next crawl goes on."""


class Allowance:
    """What is left of a crawl's bytes. Every byte that comes is counted, also those of downloads that fail."""

    def __init__(self, size_bytes: int) -> None:
        self.left_bytes = size_bytes

    def share(self, announced_bytes: int) -> Share:
        """Return the share of one file, whose *announced_bytes* are set aside for it: others download meanwhile.

        Raises :class:`AllowanceSpent` if there are not so many, or none at all.
        """
        if self.left_bytes < max(announced_bytes, 1):
            raise AllowanceSpent
        self.left_bytes -= announced_bytes
        return Share(self, announced_bytes)


class Share:
    """What one file may take."""

    def __init__(self, allowance: Allowance, set_aside_bytes: int) -> None:
        self._allowance = allowance
        self._set_aside_bytes = set_aside_bytes

    def take(self, size_bytes: int) -> int:
        """Count *size_bytes* that have come, and return how many of them may be kept."""
        of_own_bytes = min(size_bytes, self._set_aside_bytes)
        more_bytes = min(size_bytes - of_own_bytes, self._allowance.left_bytes)
        self._set_aside_bytes -= of_own_bytes
        self._allowance.left_bytes -= more_bytes
        return of_own_bytes + more_bytes

    def close(self) -> None:
        """Give back what did not come."""
        self._allowance.left_bytes += self._set_aside_bytes
        self._set_aside_bytes = 0
