"""The radio that a board file names."""

from binnode_tools.board_parts import Radio as Wiring
from binnode_tools.virtual_board.power import Ledger
from binnode_tools.virtual_board.radios.radio import Find, Radio
from binnode_tools.virtual_board.radios.sx1262 import Sx1262
from binnode_tools.virtual_board.radios.sx1276 import Sx1276


def radio(wiring: Wiring, ledger: Ledger, find: Find, seed: str) -> Radio:
    return {"sx1262": Sx1262, "sx1276": Sx1276}[wiring.chip](wiring, ledger, find, seed)
