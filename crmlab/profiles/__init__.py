"""What the customers of each segment are like: means, index, rhythm, card, watch list."""

from crmlab.profiles.means import Profiles
from crmlab.profiles.watch import WatchList

__all__ = ["Profiles", "WatchList"]
