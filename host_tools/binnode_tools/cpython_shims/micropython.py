"""CPython has no `micropython` module; the pure firmware modules import it for `const`."""


def const(value):
    return value
