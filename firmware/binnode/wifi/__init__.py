class LinkFailure(Exception):
    """The way to the broker failed; the text says where, and what to do. It holds no secret."""


def is_address(text):
    """True for four dotted numbers, which need no look-up."""
    numbers = text.encode().split(b".")  # bytes: their isdigit knows no other digits than 0..9
    return len(numbers) == 4 and all(n.isdigit() and len(n) < 4 and int(n) < 256 for n in numbers)


def leave(wlan):
    """Disconnect and switch the radio off. Never raises, whatever state `wlan` is in."""
    try:
        wlan.disconnect()
    except OSError:
        pass  # It was not started.
    try:
        wlan.active(False)
    except OSError:
        pass
