"""What the steps of a probe stand on: a stage on which nothing is tried twice, waiting, and the words of a failure."""

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from loadtests import scenario as scenarios
from loadtests.payload import getter
from loadtests.swarm import mends
from loadtests.swarm.chat import Party
from loadtests.swarm.rest import Answer
from loadtests.swarm.stage import Stage
from loadtests.swarm.tape import ACK, Event, Tape, TapedRest
from loadtests.target import STEPS, Target

WITHIN_S = 4.0


class Failed(Exception):
    """A step: what is wrong, the key that mends it, and how."""

    def __init__(self, wrong: str, key: str, mend: str) -> None:
        super().__init__(wrong)
        self.wrong, self.key, self.mend = wrong, key, mend


class ProbedStage(Stage):
    """A stage on which nothing is tried twice; `last` is the last answer by REST or of the target's own class."""

    last = Answer(None, None)

    def insist_on(self, ask: Callable[[], Answer]) -> Answer:
        return ask()

    def _counted(self, name: str, ask: Callable[[], Answer]) -> Answer:
        self.last = answer = super()._counted(name, ask)
        return answer


class Probed:
    """One try of a target: what is heard of it, and why something did not come."""

    def __init__(self, folder: Path, url: str, target: Target) -> None:
        self.tape = Tape()
        self.tape.secrets |= {secret for secret in [os.environ.get(target.agent_secret)] if secret}
        self.target = target
        self.stage = ProbedStage(
            folder=folder,
            run=secrets.token_hex(4),
            url=url,
            scenario=scenarios.from_table({"agents": 1}),
            target=target,
            t0_ns=time.monotonic_ns(),
            limit=1,
            defects={},
            recorder=self.tape,  # type: ignore[arg-type]  # of a recorder's it has what parties use
            row=lambda *_: None,
        )
        self.stage.rest = TapedRest(self.stage.rest, self.tape)
        self._since = 0  # events before this step
        self._consumed = 0  # events that steps have waited for; the next step's may be there already

    def begin(self) -> None:
        """The next step."""
        self._since = len(self.tape.events)

    def listen(self, party: Party) -> None:
        for page in party.pages:
            page.client.tap = lambda way, packet: self.tape.heard(party.name, way, packet)

    def wait(self, party: Party, *kinds: str, mid: str | None = None, within_s: float = WITHIN_S) -> Event | None:
        """The next such event of the party; what comes after it belongs to the next step and is shown there."""

        def wanted(event: Event) -> bool:
            return event["party"] == party.name and event["kind"] in kinds and mid in (None, event.get("mid"))

        place = self.tape.wait(self._since if mid else self._consumed, within_s, wanted)
        if place is None:
            return None
        event, lines = self.tape.events[place]
        if mid is None:
            self._consumed = place + 1
            self.tape.show(lines)
        return event

    def find(self, party: Party, *kinds: str) -> list[Event]:
        events = (event for event, _ in self.tape.events[self._since :])
        return [event for event in events if event["party"] == party.name and event["kind"] in kinds]

    def check_ack(self, party: Party, section: str) -> None:
        """Raises Failed where the last one came in Node's way (null, then the result) and is read as an object."""
        ack = self.tape.last_arguments(party.name, ACK)
        if getattr(party.talk.side, section).answer == "object" and len(ack) > 1 and ack[0] is None:
            mend = "say error-first, if an error or null comes before it"
            raise Failed("the answer begins with null", f"[{section}] answer", mend)

    def refuse(self, wrong: str, section: str) -> NoReturn:
        """The last REST answer is why: it is no good one, or lacks a field that the target names."""
        if section in STEPS and getattr(self.target, section).event:
            raise Failed(wrong, f"[{section}]", "event, session, answer: see what came")
        answer = self.stage.last
        fields = getattr(self.target, section, None) or getattr(self.target.agent, section)
        own = self.stage.code.has({"open": "open_session", "login": "open_agent"}.get(section, section))
        for key in ("session", "token", "list") if answer.good and answer.body is not None else ():
            dotted = getattr(fields, key, "")
            found = getter(dotted)(answer.body)
            if dotted and found is None:
                raise Failed(f"{wrong}: {key} = {dotted!r} is not in the answer", *mends.of_field(section, key, answer))
            if key == "list" and dotted and not isinstance(found, list) and not own:
                raise Failed(f"{wrong}: {key} = {dotted!r} is no list", *mends.of_field(section, key, answer))
        said = answer.reason or f"HTTP {answer.status}"
        key, mend = ("code", "your class's, see its traceback") if own else mends.of_answer(answer, section)
        of_agents = mends.OF_AGENTS * (section == "assume" and key == mends.AUTH)
        raise Failed(f"{wrong}: {said}", key, mend + of_agents + (self.no_secret if section == "login" else ""))

    def reached(self, party: Party) -> str:
        """How far the last attempt to connect came, in the words of mends."""
        signs = {f"> {party.name}: 0": "silence", f"< {party.name}: 4": "refusal"}
        last = next((line for line in reversed(self.tape.lines) if f" {party.name}: " in line), "")
        return signs.get(last[: len(party.name) + 5], "nothing")

    @property
    def no_secret(self) -> str:
        """What may be the whole of it where agents are refused: nobody has said what they log in with."""
        variable = self.target.agent_secret
        return "" if variable in os.environ else f"; and {variable} is not set: it has what agents log in with"
