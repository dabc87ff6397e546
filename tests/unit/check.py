"""What the pure tests need from a test library, on CPython and on MicroPython alike."""


def raises(error, function, *args):
    """The `error` that function(*args) raises; an AssertionError when it raises none."""
    try:
        function(*args)
    except error as caught:
        return caught
    raise AssertionError("%s was not raised" % error.__name__)
