"""What a batch says while it runs: one line per report as it ends, and a summary that lives."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any, Self

from crmlab.report.execute import Outcome


class Progress:
    """The lines of a batch on standard error; nothing where they are not ``shown``.

    ``lines`` is the number of lines that it keeps at the bottom, below which notebooks draw theirs.
    """

    def __init__(self, total: int, *, shown: bool) -> None:
        self._total, self._shown = total, shown
        self._ended: Counter[str] = Counter()
        self._bar: Any = None
        self.lines = int(shown and sys.stderr.isatty())

    def __enter__(self) -> Self:
        if self.lines:
            from tqdm import tqdm

            form = "{bar:24} {n_fmt}/{total_fmt}  {elapsed}  {desc}"
            self._bar = tqdm(total=self._total, bar_format=form, file=sys.stderr, position=0)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def report(self, cell: str, outcome: Outcome, reused: str | None = None) -> None:
        """Say how one report ended."""
        how = "unchanged" if reused else outcome.status
        self._ended[how] += 1
        name = f"{cell} · {outcome.name}" if cell else outcome.name
        taken = f", taken from {reused}" if reused else f", {outcome.seconds:.1f} s"
        error = f": {outcome.error['type']}" if outcome.error else ""
        self._say(f"[{self._ended.total()}/{self._total}] {name}: {how}{error}{taken}")
        if self._bar is not None:
            self._bar.set_description_str(self.summary, refresh=False)
            self._bar.update()

    def warn(self, sentences: Iterable[str]) -> None:
        """Say what is amiss at once, as it is known long before the end."""
        for sentence in sentences:
            self._say(sentence)

    @property
    def summary(self) -> str:
        """How many ended how, most frequent first."""
        return ", ".join(f"{how} {count}" for how, count in self._ended.most_common())

    def _say(self, line: str) -> None:
        if not self._shown:
            return
        if self._bar is None:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
        else:
            self._bar.write(line, file=sys.stderr)
