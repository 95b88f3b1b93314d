"""Reads a target file: every key known, of the right kind, and the whole of it one that can be played."""

import ast
import dataclasses
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from loadtests.bad_input import BadInput, near
from loadtests.payload import WHOLE
from loadtests.target import SECTIONS, SIDE, SIDES, STEPS, WORDS, Side, Target

SHIPPED = Path(__file__).parent / "targets"
KINDS: Mapping[Any, str] = {str: "text", bool: "true or false", float: "a number", int: "a whole number from 0 on"}
OWN = ("open_session", "open_agent", "send", "history")  # what a class of one's own may do
LIST = "`entrega list targets bundled` explains every key"


class TargetError(BadInput):
    """A target that cannot be used; the message is one line that names file, key and mend."""


def shipped() -> dict[str, Path]:
    """Name -> file of the targets that entrega brings along."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.toml"))}


def load(name: str) -> Target:
    """The target of that name or file. Raises TargetError."""
    path = shipped().get(name, Path(name))
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise TargetError(
            f"no target {name!r}: neither one of {', '.join(shipped())} nor a readable file ({error})"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise TargetError(f"{path} is not TOML ({error}); mend its syntax") from None
    folder = "" if name in shipped() else str(path.resolve().parent)
    return from_table({"name": path.stem, "folder": folder, **table}, str(path))


def from_table(table: Mapping[str, Any], where: str = "run.json") -> Target:
    """The target of a table as a file has it, or as run.json has it, where both sides are written in full."""
    _check_keys({**SECTIONS, **SIDE, **dict.fromkeys(SIDES), **_plain(Target)}, table, where)
    given = dict(table)
    common = {name: _mapping(given.pop(name, {}), f"{where}: [{name}]") for name in SIDE}
    for side in SIDES:
        given[side] = _side(common, _mapping(given.get(side, {}), f"{where}: [{side}]"), side, where)
    _derive(given)
    for name, kind in SECTIONS.items():
        given[name] = _filled(kind, _mapping(given.get(name, {}), f"{where}: [{name}]"), f"{where}: [{name}]", name)
    target: Target = _filled(Target, given, where, "")
    for why in _nonsense(target):
        raise TargetError(f"{where}: {why}")
    return target


def described(target: Target) -> Iterator[str]:
    """Every key as the file could have it: its value, its meaning, its default."""
    yield from _described(Target, target)
    for name, kind in SECTIONS.items():
        yield from ("", f"[{name}] # {_sentence(kind)}", *_described(kind, getattr(target, name)))
    for name, kind in SIDE.items():
        yield from ("", f"[{name}] # {_sentence(kind)}", *_described(kind, getattr(target.widget, name)))
        theirs, ours = getattr(target.agent, name), getattr(target.widget, name)
        if theirs != ours:
            yield from ("", f"[agent.{name}] # where agents differ")
            yield from (
                f"{key} = {_toml(getattr(theirs, key))}"
                for key in _plain(kind)
                if getattr(theirs, key) != getattr(ours, key)
            )


# -- reading


def _side(common: Mapping[str, Any], own: Mapping[str, Any], side: str, where: str) -> Side:
    _check_keys(SIDE, own, f"{where}: [{side}]")
    tables = {}
    for name, kind in SIDE.items():
        called = f"{where}: [{name}]" if name not in own or common[name] else f"{where}: [{side}.{name}]"
        table = {**common[name], **_mapping(own.get(name, {}), f"{where}: [{side}.{name}]")}
        if name == "join" and not any(table.get(key) for key in ("session", "token", "after", "extra")):
            table.setdefault("into", ".")
        if name == "join" and (table.get("event") == "" or table.get("answer") == "none"):
            table["missed"] = ""  # as it was said of the other side's join: this one has no answer
        tables[name] = _filled(kind, table, called, name)
    return Side(**tables)


def _derive(given: dict[str, Any]) -> None:
    """Defaults that follow from other keys."""
    widget: Side = given["widget"]
    recover = "join" if widget.join.missed else "fetch" if widget.history.path else "none"
    given["client"] = {"recover": recover, **given.get("client", {})}
    given["promises"] = {
        "ack": "none" not in {side.send.answer for side in (widget, given["agent"]) if side.send.event},
        "history": recover != "none" or bool(widget.history.path),
        "order": bool(widget.message.seq) and widget.message.seq_is == "count",  # times are often of another clock
        **given.get("promises", {}),
    }


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TargetError(f"{where} is a table of keys, not {value!r}; {LIST}")
    return value


def _check_keys(known: Mapping[str, Any], given: Mapping[str, Any], where: str) -> None:
    for key in given:
        if key not in known:
            raise TargetError(f"{where} has no key {key!r}; {near(key, known, LIST)}")


def _filled(kind: Any, given: Mapping[str, Any], where: str, section: str) -> Any:
    specs = {each.name: each for each in dataclasses.fields(kind)}
    _check_keys(specs, given, where)
    for key, spec in specs.items():
        if key in given:
            _check_value(spec, given[key], where, f"{section}.{key}")
        elif spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
            raise TargetError(f"{where} lacks the key {key!r}: {spec.metadata['meaning']}; {LIST}")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in given.items()})


def _check_value(spec: "dataclasses.Field[Any]", value: Any, where: str, dotted: str) -> None:
    wanted: Any = spec.type
    if wanted in KINDS and not _is(value, wanted):
        raise TargetError(f"{where}: {spec.name} takes {KINDS[wanted]}, not {value!r}")
    if dotted in WORDS and value not in WORDS[dotted]:
        raise TargetError(f"{where}: {spec.name} is {', '.join(WORDS[dotted])}, not {value!r}")
    if spec.type == tuple[str, ...] and not _are_names(value):
        raise TargetError(f"{where}: {spec.name} takes a list of names, not {value!r}")
    if "Mapping" in str(spec.type):
        _mapping(value, f"{where}: {spec.name}")
    if spec.name in ("query", "headers") and not _are_names([*value.values()] if isinstance(value, dict) else []):
        raise TargetError(f"{where}: {spec.name} takes text for each of its names")
    if spec.name == "start" and not isinstance(value, str | None):
        raise TargetError(f"{where}: start takes text, a command line")


def _is(value: Any, wanted: Any) -> bool:
    if wanted is int:
        return type(value) is int and value >= 0
    return isinstance(value, wanted) or (wanted is float and type(value) is int)


def _are_names(values: Any) -> bool:
    return isinstance(values, list | tuple) and all(isinstance(name, str) for name in values)


# -- whether it makes sense


def _nonsense(target: Target) -> Iterator[str]:
    """What is wrong with the whole, each with its mend."""
    try:
        own = _own_code(target)
    except ValueError as error:
        yield str(error)
        return
    if not target.start and not target.url:
        yield 'says neither url nor start; give url = "http://HOST:PORT", where the server is'
    if not target.open.path and "open_session" not in own:
        yield "[open] lacks the key 'path': where sessions are opened by REST; or name a class in `code`"
    for side in SIDES:
        yield from _nonsense_of(getattr(target, side), own, "agent." if side == "agent" else "")
    for name in STEPS:
        step = getattr(target, name)
        yield from _arguments(name, step, (step.session,))
    for name in (*STEPS, "transfer"):
        yield from _pattern(f"[{name}] path", getattr(target, name).path, ("session",))
    if target.client.recover == "join" and not target.widget.join.missed:
        yield "[client] recover = 'join' needs the key missed in [join]: the field with the missed messages"
    fetches = target.client.recover == "fetch" or target.client.fetch_first
    if fetches and not target.widget.history.path and "history" not in own:
        yield "[client] recover = 'fetch' needs the key path in [history]"


def _nonsense_of(side: Side, own: tuple[str, ...], of: str) -> Iterator[str]:
    """`of`: "" or "agent.". What is wrong on both sides is said of the widget's, from which the agent's are made."""
    if not side.send.event and not side.send.path and "send" not in own:
        yield f"[{of}send] has neither event nor path; give the event that says something, or where it is said by REST"
    yield from _pattern(f"[{of}join] room", side.join.room, ("session",))
    yield from _pattern(f"[{of}send] path", side.send.path, ("session",))
    yield from _pattern(f"[{of}history] path", side.history.path, ("session", "after"))
    if ("{after}" in side.history.path or side.join.after) and not side.message.seq:
        yield f"[{of}message] lacks the key 'seq', which {{after}} or after is taken from: its number or time"
    join, send = side.join, side.send
    yield from _arguments(f"{of}join", join, (join.into, join.session, join.token, join.after))
    if send.event:  # what goes by REST has none, whatever the other side has
        yield from _arguments(f"{of}send", send, (send.text, send.mid, send.session, send.room))
    if side.join.into == "." and (side.join.session or side.join.token or side.join.after or side.join.extra):
        yield f"[{of}join] into = '.' leaves no place for other fields; name the field that gets the room"


def _arguments(called: str, table: Any, fields: tuple[str, ...]) -> Iterator[str]:
    """What a payload's arguments name must be there: of a dotted path, what it begins with."""
    known = {} if WHOLE in fields else dict.fromkeys([*(path.split(".")[0] for path in fields if path), *table.extra])
    for name in table.arguments:
        if name not in known:
            there = ", ".join(known) or "none"
            yield f"[{called}] arguments: no other key puts anything into {name!r}; there are {there}"


def _pattern(called: str, pattern: str, places: tuple[str, ...]) -> Iterator[str]:
    try:
        pattern.format(**dict.fromkeys(places, ""))
    except (LookupError, ValueError):
        yield f"{called} = {pattern!r} may hold {' and '.join(f'{{{place}}}' for place in places)} only"


def _own_code(target: Target) -> tuple[str, ...]:
    """What the class of one's own does; looked at, not run: it may want gevent. Raises ValueError."""
    if not target.code:
        return ()
    file, _, name = target.code.partition(":")
    try:
        tree = ast.parse((Path(target.folder) / file).read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(
            f"code = {target.code!r} cannot be read ({error}); give FILE.py:CLASS, beside the target"
        ) from None
    classes = {each.name: each for each in tree.body if isinstance(each, ast.ClassDef)}
    if name not in classes:
        raise ValueError(f"code = {target.code!r}: {file} has no class {name!r}; give FILE.py:CLASS")
    own = tuple(each.name for each in classes[name].body if isinstance(each, ast.FunctionDef) and each.name in OWN)
    if not own:
        raise ValueError(f"code = {target.code!r}: the class has none of {', '.join(OWN)}")
    return own


# -- describing


def _plain(kind: Any) -> dict[str, Any]:
    return {each.name: each for each in dataclasses.fields(kind) if "meaning" in each.metadata}


def _described(kind: Any, value: Any) -> Iterator[str]:
    for key, spec in _plain(kind).items():
        default = spec.default_factory() if callable(spec.default_factory) else spec.default
        if default is dataclasses.MISSING:
            said = "" if "by default" in spec.metadata["meaning"] else "; must be there"
        else:
            said = "" if default == getattr(value, key) else f"; default {_toml(default)}"
        yield f"{key} = {_toml(getattr(value, key))}  # {spec.metadata['meaning']}{said}"


def _sentence(kind: Any) -> str:
    return " ".join((kind.__doc__ or "").split()).rstrip(".")


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items()) + " }" if value else "{}"
    return '""' if value is None else json.dumps(value, ensure_ascii=False)
