"""A verdict as JUnit's XML, which every CI shows: a suite for each scenario, a case for each goal.

A goal that was missed is a failure, one that could not be judged an error, or by `--on-unknown` a failure or skipped.
The case `the run` stands for what all goals rest on: that it was played to its end by a rig that kept up.
"""

import re
from collections.abc import Sequence
from xml.etree import ElementTree as Xml

from reports.check import TROUBLE, Checked
from reports.verdict import FAIL, PASS, UNKNOWN, Judgement

NO_XML = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
OF_UNKNOWN = {None: "error", "fail": "failure", "warn": "skipped", "pass": "skipped"}


def junit(checked: Sequence[Checked], on_unknown: str | None) -> bytes:
    """The whole file. `on_unknown`: None, fail, warn or pass."""
    root = Xml.Element("testsuites", name="entrega")
    for each in checked:
        suite = Xml.SubElement(root, "testsuite", name=each.scenario, time=f"{each.took_s:.3f}")
        elements = {FAIL: "failure", TROUBLE: "error", UNKNOWN: OF_UNKNOWN[each.if_unknown(on_unknown)]}
        for case in _cases(each):
            _add(suite, each.scenario, case, elements)
        if each.summary is not None:
            Xml.SubElement(suite, "system-out").text = _text(f"{each.summary.headline}.\n{each.run}")
        _count(suite, list(suite.iter("testcase")))
    _count(root, list(root.iter("testcase")))
    Xml.indent(root)
    xml: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return xml + b"\n"


def _cases(checked: Checked) -> list[Judgement]:
    """One for the run itself, then one a goal."""
    verdict = checked.verdict
    if verdict.verdict == TROUBLE:
        return [Judgement("the run", TROUBLE, "\n".join(verdict.reasons))]
    why = [each for each in verdict.judgements if not each.goal]
    run = Judgement("the run", UNKNOWN if why else PASS, "\n".join(each.reason for each in why))
    return [run, *(each for each in verdict.judgements if each.goal)]


def _add(suite: Xml.Element, scenario: str, case: Judgement, elements: dict[str, str]) -> None:
    element = Xml.SubElement(suite, "testcase", classname=f"entrega.{scenario}", name=case.goal)
    if case.verdict in elements:
        found = Xml.SubElement(element, elements[case.verdict], message=_text(case.reason), type=case.verdict)
        found.text = _text(case.reason)
    elif case.reason:
        Xml.SubElement(element, "system-out").text = _text(case.reason)


def _count(element: Xml.Element, cases: list[Xml.Element]) -> None:
    element.set("tests", str(len(cases)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(name, str(sum(case.find(tag) is not None for case in cases)))


def _text(text: str) -> str:
    """Without the characters that XML has no form for."""
    return NO_XML.sub("\ufffd", text)
