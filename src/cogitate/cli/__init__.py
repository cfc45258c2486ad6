"""The command line: one module per group of commands, nothing but parsing and printing.

Every module imports what it needs inside its commands, so that ``--help`` never loads torch.
"""

from cogitate.cli.parser import build_parser, main

__all__ = ["build_parser", "main"]
