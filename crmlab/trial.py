"""Try an installed plugin against the public contract, without pytest."""

from __future__ import annotations

from crmlab.errors import MissingExtraError, ParamsError, PluginContractError
from crmlab.estimators import Estimator


def trial(plugin: type[Estimator]) -> None:
    """Run every check of :mod:`crmlab.testing` on a plugin with its default parameters.

    A plugin with a parameter that it cannot do without is not run, nor is a rule broken by an
    optional library that is not installed. Raises PluginContractError with every broken rule.
    """
    from crmlab.testing import checks_for, sample_for

    try:
        estimator = plugin.from_params({})
    except ParamsError:
        return
    sample = sample_for(estimator)
    broken = []
    for check in checks_for(estimator):
        try:
            check(estimator, sample)
        except AssertionError as error:
            if not isinstance(error.__cause__, MissingExtraError):
                broken.append(str(error))
    if broken:
        raise PluginContractError(" ".join(broken))
