"""crmlab: customer segmentation and feedback reports from notebooks.

This module is a table of contents: each name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from crmlab.engines import Engine
    from crmlab.estimators import Annotator, Classifier, Estimator, Feature, Model, Source
    from crmlab.lab import Lab, open
    from crmlab.labels import Label, Scheme, Score, Text
    from crmlab.registry import Registry, annotators, classifiers, features, models, sources
    from crmlab.report.run import run, run_all

_HOME = {
    "Engine": "engines",
    "Annotator": "estimators",
    "Classifier": "estimators",
    "Estimator": "estimators",
    "Feature": "estimators",
    "Model": "estimators",
    "Source": "estimators",
    "Label": "labels",
    "Scheme": "labels",
    "Score": "labels",
    "Text": "labels",
    "Lab": "lab",
    "open": "lab",
    "Registry": "registry",
    "annotators": "registry",
    "classifiers": "registry",
    "features": "registry",
    "models": "registry",
    "sources": "registry",
    "run": "report.run",
    "run_all": "report.run",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"crmlab.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'crmlab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
