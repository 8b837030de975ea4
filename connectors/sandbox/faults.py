"""What is going wrong in a portal just now: set at run time, used up as requests meet it."""

import threading
from collections.abc import Iterable

from connectors.sandbox.spec import Fault, FaultKind


class Faults:
    """The faults of one portal, in the order in which they apply."""

    def __init__(self, faults: Iterable[Fault] = (), *, latency_ms: int = 0) -> None:
        """Begin with `faults`; `latency_ms` is added to every answer."""
        self.latency_ms = latency_ms
        self._lock = threading.Lock()
        self._left: list[tuple[Fault, int | None]] = []
        self.set(faults)

    def set(self, faults: Iterable[Fault]) -> None:
        """Replace all faults by these."""
        with self._lock:
            self._left = [(fault, fault.times) for fault in faults]

    def take(self, kinds: frozenset[FaultKind], where: str, *, anywhere: bool = True) -> Fault | None:
        """Use up the first of these faults that befalls `where`; one without a place needs `anywhere`."""
        with self._lock:
            for position, (fault, left) in enumerate(self._left):
                if fault.kind not in kinds or left == 0:
                    continue
                if fault.where != where and not (anywhere and not fault.where):
                    continue
                self._left[position] = (fault, None if left is None else left - 1)
                return fault
        return None

    def refuses(self, resource_type: str) -> bool:
        """Say whether the type is refused now."""
        return self.take(frozenset({"refuse"}), resource_type) is not None

    def stops_paging(self, path: str, number: int) -> bool:
        """Say whether page `number` of a search ends without a next link."""
        with self._lock:
            return any(
                fault.kind == "stop_paging"
                and left != 0
                and fault.where in {"", path}
                and number >= fault.pages
                for fault, left in self._left
            )

    def bad_resources(self, path: str) -> list[bytes]:
        """Return the text of a bad resource that is to stand in this page."""
        fault = self.take(frozenset({"bad_resource"}), path)
        return [] if fault is None else [fault.body]
