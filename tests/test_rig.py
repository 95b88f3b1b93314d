"""The load generator is judged by its own figures, and losses are never excused by them."""

import pandas as pd
import pytest

from reports.rig import LIMITS, judge_rig
from tests.small_ledger import T0_NS, SmallLedger, event, healthy_rig, lost, message


def test_a_rig_at_ease_is_valid_and_voids_nothing() -> None:
    rig = judge_rig(SmallLedger([message("0.a.0")]))
    assert rig.valid
    assert (rig.reasons, rig.voided) == ((), ())
    assert (rig.lag_ms_p99, rig.cpu, rig.steal, rig.windows) == (1.0, 0.2, 0.0, 4)


@pytest.mark.parametrize(
    ("figures", "limit"),
    [
        ({"lag_ms": 25.0}, "loop lag p99"),
        ({"lag_ms": 300.0}, "loop lag max"),
        ({"cpu": 0.9}, "CPU a load process wanted"),
        ({"waited": 0.7}, "CPU a load process wanted"),
        ({"steal": 0.03}, "time stolen by the host"),
        ({"throttled": 0.03}, "time held back by a CPU quota"),
    ],
)
def test_past_a_limit_the_window_is_voided_and_the_run_stays_valid(figures: dict[str, float], limit: str) -> None:
    hiccup = [event(12.0 + 0.5 * n, "rig", **{"lag_ms": 1.0, "cpu": 0.2, "steal": 0.0, **figures}) for n in range(4)]
    calm = [each for each in healthy_rig() if not T0_NS + 10e9 <= each["t"] < T0_NS + 15e9]
    rig = judge_rig(SmallLedger([message("0.a.0")], [*calm, *hiccup]))
    assert rig.valid
    assert [(window.start_s, window.end_s) for window in rig.voided] == [(10.0, 15.0)]
    assert limit in rig.voided[0].why
    assert rig.voids(pd.Series([9.9, 10.0, 14.9, 15.0])).tolist() == [False, True, True, False]


def test_late_sends_void_their_window_and_a_retry_is_not_a_late_send() -> None:
    def sent(at_s: float, due_s: float) -> dict[str, object]:
        return event(at_s, "sent", mid="m", due_ns=T0_NS + round(due_s * 1e9), via="rest")

    late = SmallLedger([message("0.a.0")], [*healthy_rig(), sent(7.2, 7.0)])
    retried = SmallLedger([message("0.a.0")], [*healthy_rig(), sent(7.0, 7.0), sent(9.0, 7.0)])
    assert [window.why for window in judge_rig(late).voided] == ["schedule slip p99"]
    assert judge_rig(late).slip_ms_p99 == 200.0
    assert judge_rig(retried).voided == ()


def test_a_stall_voids_all_windows_that_it_spans() -> None:
    rig = judge_rig(SmallLedger([message("0.a.0")], [*healthy_rig(), event(16.0, "rig", lag_ms=8_000.0)]))
    assert [window.start_s for window in rig.voided] == [5.0, 10.0, 15.0]


def test_short_of_cpu_for_half_of_the_windows_is_invalid_and_the_sentence_says_what_to_do() -> None:
    rig = judge_rig(SmallLedger([message("0.a.0")], healthy_rig(cpu=0.95)))
    assert rig.reasons == (
        "Load process swarm-1 wanted more than 85 % of a core in 4 of 4 windows of 5 s, so it may have been slower "
        "than the server; use more --processes or fewer users, or end what else runs here.",
    )


def test_a_recording_that_breaks_off_or_is_missing_is_invalid() -> None:
    cut = judge_rig(SmallLedger([message("0.a.0")], healthy_rig()[:-1]))
    assert cut.reasons == ("The recording of load process swarm-1 breaks off: the process died or was killed.",)
    alone = judge_rig(SmallLedger([message("0.a.0")], workers=2))
    assert alone.reasons == ("1 load process left no recording, and so never got to work.",)


def test_the_server_s_own_figures_stand_beside_and_are_never_the_rig_s() -> None:
    used = [event(at_s, "server_cpu", source="launcher", cpu=cpu) for at_s, cpu in ((3, 0.2), (6, 1.4), (7, 1.8))]
    own = [event(3, "loop_lag", source="journal-a", lag_ms=900), *used]
    rig = judge_rig(SmallLedger([lost("0.a.0")], [*healthy_rig(), *own]))
    assert rig.valid
    assert (rig.server_lag_ms_p99, rig.server_cpu, rig.voided) == (900.0, 1.6, ())


def test_nothing_measured_is_null() -> None:
    rig = judge_rig(SmallLedger([], [event(1, "sentinel")]))
    assert (rig.lag_ms_p99, rig.slip_ms_p99, rig.cpu, rig.steal, rig.windows) == (None, None, None, None, 0)
    assert (rig.throttled, rig.server_lag_ms_p99, rig.server_cpu) == (None, None, None)


def test_every_limit_has_its_reason() -> None:
    assert all(limit.reason and limit.unit and limit.most > 0 for limit in LIMITS)
