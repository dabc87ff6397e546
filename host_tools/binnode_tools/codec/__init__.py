"""The status payload: its specification (PAYLOAD.md), a codec for network servers (binnode.js) and a Python decoder."""

from binnode_tools.codec.status import DecodeError, Reading, Status, decode

__all__ = ["DecodeError", "Reading", "Status", "decode"]
