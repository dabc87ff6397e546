"""What can go wrong: a word for each problem, and the exit code of a command that meets it.

host_tools/docs/errors.md has a row for each: how its message begins, and what to do.
"""

DONE, FAILED, USAGE, NO_BOARD, DIFFERS, IN_THE_BIN, MISFIT = range(7)

# code -> exit code
EXITS = {
    "failed": FAILED,  # whatever has no word of its own
    "refused": FAILED,  # the node's rules are against it
    "line_broke": FAILED,
    "stopped": FAILED,  # Ctrl-C
    "board_file": FAILED,
    "image": FAILED,  # what was to go on the flash can't be made
    "provisioning": FAILED,
    "usage": USAGE,
    "several_ports": USAGE,
    "no_port": NO_BOARD,
    "port_busy": NO_BOARD,
    "no_permission": NO_BOARD,
    "no_answer": NO_BOARD,
    "not_micropython": NO_BOARD,
    "read_back": DIFFERS,
    "disagrees": DIFFERS,  # binnode sim: reports and truth
    "module_silent": IN_THE_BIN,
    "rim_only": IN_THE_BIN,
    "not_steady": IN_THE_BIN,
    "other_version": MISFIT,
    "no_application": MISFIT,
    "wrong_board": MISFIT,
    "old_micropython": MISFIT,
}


class Problem(Exception):
    """Something that the user has to know of: the text names cause and remedy; `code` is a key of EXITS."""

    code = "failed"

    def __init__(self, text: str, code: str | None = None) -> None:
        super().__init__(text)
        if code is not None:
            self.code = code

    @property
    def exit(self) -> int:
        return EXITS[self.code]
