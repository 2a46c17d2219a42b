"""The command line, `s3store`.

Each command stands in a module of its own, which is loaded when the command is called: `s3store --help` loads
neither an SDK nor what draws on a terminal.
"""

from .app import main

__all__ = ["main"]
