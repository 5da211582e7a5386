"""The integral of a product of two powers, with exact derivatives: what the Pareto/NBD likelihood is made of.

    I(a, α, b, β; t) = ∫ₜ^∞ (α + u)⁻ᵃ (β + u)⁻ᵇ du,   a + b > 1,   α, β, and α + t, β + t positive

With m the larger of α + t and β + t, A its exponent, o and B the other ones, and C = A + B, it is

    I = m⁻ᴬ o¹⁻ᴮ ₂F₁(1, A; C; 1 − o/m) / (C − 1)

(Euler's transformation of the form in Fader & Hardie 2005, "A note on deriving the Pareto/NBD model", so
that every term of the series is positive and nothing cancels). The series is long where the argument nears
1; there the integral is split (see :func:`_split`). Everything is kept in logarithms: no overflow.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

LONGEST = 0.9
"""Up to so large an argument the series is summed; it takes some 300 terms there."""

NODES = 64
"""Nodes of the quadrature for larger arguments; tests compare it with the series and with scipy."""

CHUNK = 4096
"""So many series are summed at a time, that their sums stay in the processor's cache."""

_NEGLIGIBLE = 45.0
"""Logarithm of what is negligible: e⁻⁴⁵ is 3e-20."""


class Jet(NamedTuple):
    """Values of a function in n points with its k first and k x k second derivatives.

    Shapes (n,), (k, n), (k, k, n); the derivatives are empty (k = 0) where they were not asked for.
    """

    value: Floats
    gradient: Floats
    hessian: Floats


def log_power_integral(
    a: ArrayLike,
    alpha: ArrayLike,
    b: ArrayLike,
    beta: ArrayLike,
    t: ArrayLike,
    derivatives: bool = False,
) -> Jet:
    """Return log I with its derivatives by (a, α, b, β); the arguments broadcast to shape (n,)."""
    a, alpha, b, beta, t = (np.atleast_1d(np.asarray(v, np.float64)) for v in (a, alpha, b, beta, t))
    swapped = alpha < beta
    big, small = np.where(swapped, beta, alpha), np.where(swapped, alpha, beta)
    upper, lower = np.where(swapped, b, a), np.where(swapped, a, b)
    m, o, c = big + t, small + t, upper + lower
    f = log_2f1(upper, c, (big - small) / m, o / m, derivatives)
    log_m, log_o = np.log(m), np.log(o)
    value = f.value - upper * log_m + (1 - lower) * log_o - np.log(c - 1)
    if not derivatives:
        return _bare(value)
    n = value.size
    (fa, fc, fy), (faa, fac, fay), (_, fcc, fcy), (_, _, fyy) = f.gradient, *f.hessian
    q, per = o / m, 1 / (c - 1)
    gradient, hessian = np.empty((4, n)), np.empty((4, 4, n))
    gradient[0] = fa + fc - log_m - per
    gradient[1] = (fy * q - upper) / m
    gradient[2] = fc - log_o - per
    gradient[3] = (1 - lower) / o - fy / m
    hessian[0, 0] = faa + 2 * fac + fcc + per**2
    hessian[0, 1] = ((fay + fcy) * q - 1) / m
    hessian[0, 2] = fac + fcc + per**2
    hessian[0, 3] = -(fay + fcy) / m
    hessian[1, 1] = (upper + fyy * q**2 - 2 * fy * q) / m**2
    hessian[1, 2] = fcy * q / m
    hessian[1, 3] = (fy - fyy * q) / m**2
    hessian[2, 2] = fcc + per**2
    hessian[2, 3] = -1 / o - fcy / m
    hessian[3, 3] = (lower - 1) / o**2 + fyy / m**2
    _mirror(hessian)
    if swapped.any():
        order = [2, 3, 0, 1]
        gradient = np.where(swapped, gradient[order], gradient)
        hessian = np.where(swapped, hessian[np.ix_(order, order)], hessian)
    return Jet(value, gradient, hessian)


def log_2f1(a: Floats, c: Floats, y: Floats, rest: Floats, derivatives: bool = False) -> Jet:
    """Return log ₂F₁(1, a; c; y) with its derivatives by (a, c, y).

    ``y`` is within [0, 1), ``rest`` is 1 − y, given beside it because it may be far smaller than the
    rounding of y. ``a`` > 0 and ``c`` > max(1, a); shapes (n,) or (1,).
    """
    n = max(a.size, c.size, y.size)
    a, c = (v if v.size == 1 else np.broadcast_to(v, n) for v in (a, c))
    y, rest = np.broadcast_to(y, n), np.broadcast_to(rest, n)
    long = int(np.count_nonzero(y > LONGEST))
    if n <= CHUNK and not long:
        return _series(a, c, y, derivatives)
    # Neighbours need about as many terms: large arguments first.
    order = np.argsort(-y, kind="stable")
    parts = []
    for start, stop in pairwise([*range(0, long, CHUNK), *range(long, n, CHUNK), n]):
        rows = order[start:stop]
        some_a, some_c = (v if v.size == 1 else v[rows] for v in (a, c))
        if start < long:
            parts.append(_split(some_a, some_c, y[rows], rest[rows], derivatives))
        else:
            parts.append(_series(some_a, some_c, y[rows], derivatives))
    back = np.argsort(order, kind="stable")
    return Jet(*(np.concatenate(field, axis=-1)[..., back] for field in zip(*parts, strict=True)))


def _series(a: Floats, c: Floats, y: Floats, derivatives: bool) -> Jet:
    """Sum (a)ₖ/(c)ₖ yᵏ and its derivatives, term by term; all terms are positive.

    d/da of a term is the term times Σ 1/(a + j), j < k, and so on.
    """
    # At 0 exactly, the derivatives by y would be 0/0; so small an argument changes nothing else.
    y = np.maximum(y, 1e-100)
    enough = 1e-17 * (1 - y)
    a, c = a.copy(), c.copy()
    term, total, ratio = np.ones_like(y), np.ones_like(y), np.empty_like(y)
    sums = np.zeros((9 if derivatives else 0, y.size))
    if derivatives:
        da, dc, dy, daa, dac, dcc, day, dcy, dyy = sums
        ha, hc, h2a, h2c = np.zeros_like(a), np.zeros_like(c), np.zeros_like(a), np.zeros_like(c)
        u, v = np.empty_like(y), np.empty_like(y)
    k = 0
    while True:
        for _ in range(8):
            k += 1
            np.divide(a, c, out=ratio)
            np.multiply(ratio, y, out=ratio)
            np.multiply(term, ratio, out=term)
            total += term
            if derivatives:
                per_a, per_c = 1 / a, 1 / c
                ha += per_a
                hc += per_c
                np.multiply(per_a, per_a, out=per_a)
                np.multiply(per_c, per_c, out=per_c)
                h2a += per_a
                h2c += per_c
                np.multiply(term, ha, out=u)
                da += u
                day += np.multiply(u, k, out=v)
                dac -= np.multiply(u, hc, out=v)
                daa += np.multiply(u, ha, out=v)
                daa -= np.multiply(term, h2a, out=v)
                np.multiply(term, hc, out=u)
                dc -= u
                dcy -= np.multiply(u, k, out=v)
                dcc += np.multiply(u, hc, out=v)
                dcc += np.multiply(term, h2c, out=v)
                dy += np.multiply(term, k, out=u)
                dyy += np.multiply(u, k - 1, out=v)
            a += 1
            c += 1
        if (term * k <= enough * total).all():
            break
    if not derivatives:
        return _bare(np.log(total))
    sums /= total
    dy /= y
    day /= y
    dcy /= y
    dyy /= y * y
    hessian = _symmetric(daa, dac, day, dcc, dcy, dyy)
    gradient = sums[:3]
    return Jet(np.log(total), gradient, hessian - gradient[:, None] * gradient)


def _split(a: Floats, c: Floats, y: Floats, rest: Floats, derivatives: bool) -> Jet:
    """Return log ₂F₁(1, a; c; y) for y near 1 from a quadrature and the series at ½.

    ₂F₁ = (c − 1) ∫₀^∞ e^(−pw) d(w)⁻ᵃ dw with p = c − 1 − a and d(w) = y + (1 − y) eʷ. From w* on,
    where the two parts of d are equal, the integral is again such a function, now at ½; before that, the
    integrand is smooth on the scale of 1 and bounded, so that a Gauss-Legendre rule is exact to rounding.
    """
    a, c = (np.broadcast_to(v, y.shape) for v in (a, c))
    p = c - 1 - a
    end = np.log(y) - np.log(rest)
    # The head stops where the integrand is negligible: d⁻ᵃ, or e^(−pw), outweighs all the rest.
    worst = (_NEGLIGIBLE + np.maximum(-p, 0) * end) / a
    stop = np.minimum(end, np.logaddexp(0, worst + np.log(-np.expm1(-worst)) - np.log(rest)))
    stop = np.where(p * stop > _NEGLIGIBLE, _NEGLIGIBLE / np.maximum(p, 1e-300), stop)
    nodes, shares = np.polynomial.legendre.leggauss(NODES)
    w = np.multiply.outer((nodes + 1) / 2, stop)
    up = np.exp(w)
    d = y + rest * up
    log_d = np.log(d)
    f = np.exp(-p * w - a * log_d) * (shares[:, None] / 2 * stop)
    head = f.sum(axis=0)
    tail = _series(a, c, np.full_like(y, 0.5), derivatives)
    width, rise = 2 * y, y / rest
    log_tail = tail.value - p * end - a * np.log(width)
    if not derivatives:
        return _bare(np.logaddexp(np.log(c - 1) + np.log(head), log_tail))
    by_a, by_y = w - log_d, (up - 1) / d
    f /= head
    fa, fw, fd = f * by_a, f * w, f * by_y
    ga, gc, gy = fa.sum(0), -fw.sum(0), a * fd.sum(0)
    moments = _symmetric(
        (fa * by_a).sum(0),
        -(fa * w).sum(0),
        a * (fd * by_a).sum(0) + fd.sum(0),
        (fw * w).sum(0),
        -a * (fd * w).sum(0),
        a * (a + 1) * (fd * by_y).sum(0),
    )
    slopes = np.stack([ga, gc, gy])
    first = Jet(np.log(head) + np.log(c - 1), slopes, moments - slopes[:, None] * slopes)
    first.gradient[1] += 1 / (c - 1)
    first.hessian[1, 1] -= 1 / (c - 1) ** 2
    # The tail at a fixed w*: its argument z = y/d has dz/dy = e^w*/d² and d²z/dy² = 2 (e^w* − 1) e^w*/d³.
    dz, dzz, fall = rise / width**2, 2 * (rise - 1) * rise / width**3, (rise - 1) / width
    (ta, tc, tz), (taa, tac, taz), (_, tcc, tcz), (_, _, tzz) = tail.gradient, *tail.hessian
    second = Jet(
        log_tail,
        np.stack([ta + end - np.log(width), tc - end, a * fall + tz * dz]),
        _symmetric(taa, tac, fall + taz * dz, tcc, tcz * dz, a * fall**2 + tzz * dz**2 + tz * dzz),
    )
    return log_sum(first, second)


def log_sum(first: Jet, second: Jet) -> Jet:
    """Return log(eᶠ + eˢ) of two functions with the same parameters."""
    value = np.logaddexp(first.value, second.value)
    p, q = np.exp(first.value - value), np.exp(second.value - value)
    apart = first.gradient - second.gradient
    return Jet(
        value,
        p * first.gradient + q * second.gradient,
        p * first.hessian + q * second.hessian + (p * q) * apart[:, None] * apart,
    )


def _symmetric(*upper: Floats) -> Floats:
    """Return matrices of shape (3, 3, n) from the six entries of their upper triangles."""
    matrix = np.empty((3, 3, upper[0].size))
    matrix[np.triu_indices(3)] = upper
    _mirror(matrix)
    return matrix


def _mirror(matrix: Floats) -> None:
    """Copy the upper triangle of matrices of shape (k, k, n) to the lower one."""
    rows, columns = np.triu_indices(matrix.shape[0], 1)
    matrix[columns, rows] = matrix[rows, columns]


def _bare(value: Floats) -> Jet:
    """Return values without derivatives."""
    return Jet(value, np.empty((0, value.size)), np.empty((0, 0, value.size)))
