"""Learners of uplift in arrays: what a contact changes, told from customers contacted and held out.

``features`` is Float64 of shape (customers, columns) without NaN, ``outcome`` 0 or 1, ``treated`` whether
contacted, ``propensity`` the probability of that (one number, or one per customer). What is learned is a
dict of lists that JSON can hold; :func:`uplift` applies it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

Learned = dict[str, Any]
"""``means`` and ``scales`` of the columns, and for each line its intercept and coefficients."""


def two_model(
    features: ArrayLike,
    treated: ArrayLike,
    outcome: ArrayLike,
    propensity: ArrayLike | None = None,
    penalty: float = 1.0,
) -> Learned:
    """Learn one logistic regression of the contacted and one of the control group.

    The uplift is the difference of their probabilities (Radcliffe & Surry 1999; the T-learner of Künzel et
    al. 2019, PNAS 116:4156). Coefficients of standardised columns are shrunk by ``penalty`` (L2).
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    data, arm, share, learned = _standardised(features, treated, propensity)
    y = np.asarray(outcome, dtype=np.float64)
    for name, rows, weight in (("treated", arm, 1 / share), ("control", ~arm, 1 / (1 - share))):
        line = LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=1e-10, max_iter=200)
        line.fit(data[rows], y[rows], sample_weight=weight[rows] / weight[rows].mean())
        learned[name] = [float(line.intercept_[0]), *(float(value) for value in line.coef_[0])]
    return learned


def transformed_outcome(
    features: ArrayLike,
    treated: ArrayLike,
    outcome: ArrayLike,
    propensity: ArrayLike | None = None,
    penalty: float = 1.0,
) -> Learned:
    """Learn a ridge regression of an outcome whose mean is the uplift.

    The outcome is y (w − e) / (e (1 − e)) with the propensity e and w = 1 for the contacted (Athey & Imbens
    2016, PNAS 113:7353). Its mean is the effect, and it is noisy: one line learns all at once.
    """
    import numpy as np
    from sklearn.linear_model import Ridge

    data, arm, share, learned = _standardised(features, treated, propensity)
    target = np.asarray(outcome, dtype=np.float64) * (arm - share) / (share * (1 - share))
    line = Ridge(alpha=penalty, solver="cholesky").fit(data, target)
    learned["uplift"] = [float(line.intercept_), *(float(value) for value in line.coef_)]
    return learned


def uplift(learned: Learned, features: ArrayLike) -> Floats:
    """Return what a contact adds to the probability of the outcome, within −1 to 1, for each row."""
    import numpy as np
    from scipy.special import expit

    data = (np.asarray(features, dtype=np.float64) - learned["means"]) / learned["scales"]
    lines = {
        name: learned[name][0] + (data * learned[name][1:]).sum(axis=1)
        for name in ("treated", "control", "uplift")
        if name in learned
    }
    gain = lines["uplift"] if "uplift" in lines else expit(lines["treated"]) - expit(lines["control"])
    return np.asarray(np.clip(gain, -1, 1), dtype=np.float64)


def _standardised(
    features: ArrayLike, treated: ArrayLike, propensity: ArrayLike | None
) -> tuple[Floats, NDArray[np.bool_], Floats, Learned]:
    import numpy as np

    data, arm = np.asarray(features, dtype=np.float64), np.asarray(treated).astype(np.bool_)
    share = np.broadcast_to(np.asarray(arm.mean() if propensity is None else propensity), arm.shape)
    means, scales = data.mean(axis=0), data.std(axis=0)
    scales = np.where(scales > 0, scales, 1.0)
    return (data - means) / scales, arm, share, {"means": means.tolist(), "scales": scales.tolist()}
