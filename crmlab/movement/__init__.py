"""How customers move between classes: matrix, alluvial, movers, flow and alerts."""

from crmlab.movement.matrix import LEAVER, NEWCOMER, Movement, replay

__all__ = ["LEAVER", "NEWCOMER", "Movement", "replay"]
