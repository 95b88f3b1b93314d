"""`python -m server_under_test`: the same options as `entrega serve`, each with its ENTREGA_* variable."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from server_under_test.settings import Settings, StartError


def main(arguments: list[str]) -> int:
    """Serve until a signal; the exit code."""
    try:
        settings = _settings(arguments)
        settings.check()
        from server_under_test.main import serve  # takes a moment, which wrong options need not wait for

        serve(settings)
    except StartError as error:
        print(f"entrega server: {error}", file=sys.stderr)
        return 2
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"entrega server: {message}; --help lists the options\n")

    def option(self, name: str, kind: Any, default: Any, text: str, many: bool = False) -> None:
        """An option whose default is its variable; an option for many has a variable with commas in it."""
        variable = "ENTREGA_" + name.upper().replace("-", "_")
        value = os.environ.get(variable) or default
        if many and isinstance(value, str):
            value = value.split(",")
        more = {"action": "append", "default": None} if many else {"default": value}
        self.add_argument(f"--{name}", type=kind, help=f"{text} [{variable}]", metavar=name.upper(), **more)
        if many:
            self.set_defaults(**{f"{name}_default": value})


def _settings(arguments: list[str]) -> Settings:
    """Raises SystemExit(2), with one line on stderr, for what is no option or no value of one."""
    default = Settings()
    parser = _Parser(prog="python -m server_under_test", description="A small support-chat server to be measured.")
    parser.option("host", str, default.host, "address to listen on")
    parser.option("port", int, default.port, "port to listen on, 0 for any free one")
    parser.option("database", str, default.database, "sqlite:///FILE")
    parser.option("defect", str, default.defects, "server.NAME[=VALUE], may be repeated", many=True)
    parser.option("seed", int, default.seed, "what random defects draw from")
    parser.option("journal", Path, None, "file to append the journal to")
    parser.option("injected", Path, None, "file to append to what the defects did")
    parser.option("ping-interval", float, default.ping_interval_s, "seconds between Engine.IO pings, whole")
    parser.option("ping-timeout", float, default.ping_timeout_s, "seconds in which a ping must be answered")
    parser.option("origin", str, default.origins, "page that may open sockets, may be repeated", many=True)
    given = parser.parse_args(arguments)
    return Settings(
        host=given.host,
        port=given.port,
        database=given.database,
        defects=tuple(given.defect or given.defect_default),
        seed=given.seed,
        journal=given.journal,
        injected=given.injected,
        ping_interval_s=given.ping_interval,
        ping_timeout_s=given.ping_timeout,
        origins=tuple(given.origin or given.origin_default),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
