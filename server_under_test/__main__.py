"""`entrega serve`, also as `python -m server_under_test`: its options, each with its ENTREGA_* variable."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from server_under_test.defects import DefectError
from server_under_test.settings import Settings, StartError


def _many(text: str) -> list[str]:
    return text.split(",")


OPTIONS: dict[str, tuple[str, Any, str]] = {  # option -> field of Settings, its type, its help
    "host": ("host", str, "address to listen on"),
    "port": ("port", int, "port to listen on, 0 for any free one"),
    "database": ("database", str, "sqlite:///FILE"),
    "defect": ("defects", _many, "server.NAME[=VALUE], may be repeated"),
    "seed": ("seed", int, "what random defects draw from"),
    "journal": ("journal", Path, "file to append the journal to"),
    "injected": ("injected", Path, "file to append to what the defects did"),
    "ping-interval": ("ping_interval_s", float, "seconds between Engine.IO pings, whole ones"),
    "ping-timeout": ("ping_timeout_s", float, "seconds in which a ping must be answered"),
    "origin": ("origins", _many, "page that may open sockets, may be repeated"),
}


def main(arguments: list[str]) -> int:
    """Serve until a signal; the exit code."""
    try:
        settings = _settings(arguments)
        settings.check()
        from server_under_test.main import serve  # takes a moment, which wrong options need not wait for

        serve(settings)
    except (StartError, DefectError) as error:
        print(f"entrega server: {error}", file=sys.stderr)
        return 2
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"entrega server: {message}; --help lists the options\n")


def _settings(arguments: list[str]) -> Settings:
    """Options, else variables, else defaults. Raises SystemExit(2) after one line on stderr."""
    parser = _Parser(prog="entrega serve", description="A small support-chat server to be measured.")
    for option, (field, kind, text) in OPTIONS.items():
        action = "extend" if kind is _many else "store"
        default = getattr(Settings(), field)
        said = ", ".join(default) if kind is _many else default
        text = f"{text} [{_variable(option)}]" + ("" if said in ("", None) else f" (default: {said})")
        more: dict[str, Any] = {"metavar": option.upper(), "default": argparse.SUPPRESS, "help": text}
        parser.add_argument(f"--{option}", dest=field, type=kind, action=action, **more)
    variables = [f"--{option}={value}" for option in OPTIONS if (value := os.environ.get(_variable(option)))]
    given: dict[str, Any] = {**vars(parser.parse_args(variables)), **vars(parser.parse_args(arguments))}
    for field in ("defects", "origins"):
        given[field] = tuple(given.get(field, getattr(Settings(), field)))
    return Settings(**given)


def _variable(option: str) -> str:
    return "ENTREGA_" + option.upper().replace("-", "_")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
