"""Pictures of a ledger. Each says its n, its units and its finding, and is drawn anew from the ledger alone."""

from reports.figures.canvas import drawn
from reports.figures.latency import latency_over_time
from reports.figures.losses import causes, loss_by_join_offset
from reports.figures.race import race_window
from reports.figures.reconnects import missed_by_time_away, time_to_rejoin
from reports.figures.timeline import session_timeline

__all__ = [
    "causes",
    "drawn",
    "latency_over_time",
    "loss_by_join_offset",
    "missed_by_time_away",
    "race_window",
    "session_timeline",
    "time_to_rejoin",
]
