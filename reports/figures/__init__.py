"""Pictures of a ledger. Each says its n, its units and its finding, and is drawn anew from the ledger alone."""

from reports.figures.canvas import drawn
from reports.figures.latency import latency_over_time
from reports.figures.losses import causes, loss_by_join_offset

__all__ = ["causes", "drawn", "latency_over_time", "loss_by_join_offset"]
