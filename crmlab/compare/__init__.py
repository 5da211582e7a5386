"""Compare two runs: what went in and what came out, what of it is chance, who moved, what drifted.

::

    compare(before, after)            -> document        of two folders of runs, as JSON values
    into(folder, manifest, previous)  -> Path            writes both files into a run not yet published
    previous(runs_of_study, manifest) -> Path | None     the last finished run to compare with

``into`` and ``write`` leave ``compare.html`` and ``compare.json``. A folder that is published is read and
never changed.

The document, as it stands in ``compare.json``; ``schema`` grows when a key changes its meaning or goes:

- ``before``, ``after``: of each run ``study``, ``title``, ``run`` (its folder), ``status``, ``started_at``,
  ``as_of``, ``language`` and ``cell`` (of the matrix).
- ``reports``: name → title. ``smallest_group``: groups of fewer customers are null everywhere.
  ``same_data``: whether all reports saw the very same rows as of the same day. ``remarks``: what must be
  known first; as every text in ``zh`` and ``en``.
- ``changes``: ``inputs``, ``params``, ``plugins``, ``code``, ``packages``: what differs, each with ``name``,
  ``before`` and ``after``; of inputs ``rows``, ``rejected`` and ``sha256``.
- ``figures``: one key figure each. ``report``, ``id``, name, ``unit``, ``definition`` and ``key`` are as in
  the manifest; ``before`` and ``after`` have ``value``, ``low``, ``high`` (95 % interval), ``n`` and
  ``currency``. ``comparable``: they are one figure in one unit; ``sampled``: the interval is that of a
  sample; ``same_rows``; ``correlation`` of both estimates, from who is in both, or null; ``difference``
  with ``low``, ``high``, ``p`` and ``q`` (adjusted for how many were ``tested``); ``verdict``:
  :data:`crmlab.compare.noise.Verdict`.
- ``classes``: one migration per ``plugin``: ``customers`` of both runs, how many are in ``both``,
  ``followed`` and ``moved``; ``same``, ``rule_changed``, ``problem``, ``labels`` and the ``matrix`` with
  ``of`` and ``share``: :meth:`crmlab.compare.classes.Migration.as_json`.
- ``drift``: per ``column`` the ``bins``, ``psi`` and what ``chance`` reaches:
  :func:`crmlab.compare.features.drift`.
- ``unread``: reports whose tables cannot be read, each with the ``error``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmlab.compare.comparison import compare, into, previous, write

__all__ = ["compare", "into", "previous", "write"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from crmlab.compare import comparison

        return getattr(comparison, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
