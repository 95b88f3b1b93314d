"""What a person or a file gave that cannot be used. The message is one line: what, and the mend."""


class BadInput(Exception):
    """Ends a command with exit code 2 and its message, never with a traceback."""
