"""What a node sends: the specification (PAYLOAD.md), a codec for network servers (binnode.js) and Python decoders."""

from binnode_tools.codec.diagnostics import Diagnostics, decode_diagnostics
from binnode_tools.codec.status import DecodeError, Reading, Status, decode

__all__ = ["DecodeError", "Diagnostics", "Reading", "Status", "decode", "decode_diagnostics"]
