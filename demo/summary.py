# SPDX-License-Identifier: Apache-2.0
"""What the demo comes to: requests, failures and when, spread, the time to take over, packets per second."""

from __future__ import annotations

from demo.view import View
from tests.smoke.topology import REAL_SERVERS
from tests.smoke.traffic import Load


class Summary:
    """Failures count as expected only inside the windows in which something was broken and not yet noticed."""

    def __init__(self, load: Load, view: View) -> None:
        self._load, self._view = load, view
        self._windows: list[tuple[float, float, str]] = []
        self._lines: list[tuple[str, str]] = []

    def expected(self, since: float, until: float, why: str) -> None:
        self._windows.append((since, until, why))

    def rate(self, requests: float, packets: float) -> None:
        self._lines.append(("burst", f"{requests:,.0f} requests/s, {packets:,.0f} packets/s into lb1"))

    def takeover(self, took: float, limit: float) -> None:
        self._lines.append(("take-over", f"{took:.2f} s (its adverts allow {limit:.2f} s)"))

    @property
    def _unexpected(self) -> int:
        return sum(
            1
            for r in self._load.failures()
            if not any(a <= r.ended and r.began <= b for a, b, _ in self._windows)
        )

    @property
    def good(self) -> bool:
        return bool(self._load.done) and self._unexpected == 0

    def show(self) -> None:
        requests, spread = len(self._load.done), self._load.spread()
        rows = [("requests", str(requests)), ("failures", f"{self._unexpected} while all was well or known")]
        for since, until, why in self._windows:
            failed = sum(1 for r in self._load.failures() if since <= r.ended and r.began <= until)
            rows.append(("", f"{failed} in the {until - since:.1f} s when {why}"))
        rows.append(("spread", ", ".join(f"{name} {spread[name]}" for name in REAL_SERVERS)))
        self._view.console.print()
        for name, text in [*rows, *self._lines]:
            self._view.console.print(f"  {name:<10} {text}", markup=False)
        self._view.console.print()
        self._view.console.print(
            "All of it happened." if self.good else "Not all of it went well.", markup=False
        )
