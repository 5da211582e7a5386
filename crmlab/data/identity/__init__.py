"""One customer, many records: find them, propose merges, carry out what is accepted, take it back.

::

    from crmlab.data import identity

    found = identity.find_matches(customers)                      # pairs that share a key
    similar = identity.resolve(customers)                         # pairs by probability, with the extra
    proposals = identity.propose(customers, found.pairs, similar)
    identity.write_proposals(proposals, customers, Path("merges.xlsx"))   # an analyst decides in it
    merged = identity.apply(customers, identity.read_proposals(Path("merges.xlsx")))
    assert merged.undo().customers.equals(customers)

Nothing is merged that is not accepted, by an analyst or by the score that a study states as
``auto_accept``. ``customers`` is a table with a unique ``customer_id``; a record's id is the
``customer_id`` that it had.
"""

from crmlab.data.identity.clusters import find_clusters
from crmlab.data.identity.files import read_proposals, write_proposals
from crmlab.data.identity.keys import KEYS, matching_keys
from crmlab.data.identity.matches import Matches, find_matches
from crmlab.data.identity.merging import Merged, apply
from crmlab.data.identity.proposals import propose
from crmlab.data.identity.resolver import resolve
from crmlab.data.identity.survivorship import Survivorship
from crmlab.data.identity.updates import Updated, merge_updates

__all__ = [
    "KEYS",
    "Matches",
    "Merged",
    "Survivorship",
    "Updated",
    "apply",
    "find_clusters",
    "find_matches",
    "matching_keys",
    "merge_updates",
    "propose",
    "read_proposals",
    "resolve",
    "write_proposals",
]
