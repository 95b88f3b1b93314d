"""Pictures of a ledger. Each says its n, its units and its finding, and is drawn anew from the ledger alone."""

from reports.figures.canvas import drawn as drawn
from reports.figures.latency import latency_over_time as latency_over_time
from reports.figures.losses import causes as causes
from reports.figures.losses import loss_by_join_offset as loss_by_join_offset
from reports.figures.race import race_window as race_window
from reports.figures.reconnects import missed_by_time_away as missed_by_time_away
from reports.figures.reconnects import time_to_rejoin as time_to_rejoin
from reports.figures.timeline import session_timeline as session_timeline
