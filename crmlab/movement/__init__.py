"""How customers move between classes: matrix, alluvial, movers, flow and alerts."""

from crmlab.movement.matrix import NEWCOMER, Movement

__all__ = ["NEWCOMER", "Movement"]
