"""A hash of customers that stays the same: on every machine, with every version of every library."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

_BASIS = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)


def hashes(values: pl.Series) -> NDArray[np.uint64]:
    """Return the 64-bit FNV-1a hash of the UTF-8 bytes of each text (RFC 9923); none may be null."""
    lengths = values.str.len_bytes().to_numpy().astype(np.int64)
    data = np.frombuffer(values.str.join("").item().encode() if len(values) else b"", np.uint8)
    starts = np.cumsum(lengths) - lengths
    found = np.full(len(values), _BASIS)
    for place in range(int(lengths.max(initial=0))):
        longer = lengths > place
        if longer.all():
            found = (found ^ data[starts + place]) * _PRIME
        else:
            rows = np.flatnonzero(longer)
            found[rows] = (found[rows] ^ data[starts[rows] + place]) * _PRIME
    return found


def buckets_of(customers: pl.Series, buckets: int) -> NDArray[np.int64]:
    """Return the bucket of each customer, 0 to ``buckets`` − 1."""
    found = hashes(customers)
    # The low bits of FNV see the last bytes only a little; the high ones see all of them.
    return ((found ^ (found >> np.uint64(32))) % np.uint64(buckets)).astype(np.int64)
