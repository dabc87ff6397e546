"""The checker finishes an update that was committed, from wherever it broke off; a damaged order does nothing."""

import binascii
import hashlib
import json
import sys

try:
    import verify
except ImportError:  # CPython has no `machine`
    sys.modules["machine"] = sys
    import verify

    del sys.modules["machine"]

ORDER = verify.ORDER
OLD = {"verify.py": b"old", "main.py": b"old", "app/a.mpy": b"old", "app/gone/x.mpy": b"old", "manifest.json": b"old"}
OLD["config.json"] = b"of the user"
NEW = {"verify.py": b"new", "main.py": b"new", "app/a.mpy": b"new", "app/b/c.mpy": b"new", "manifest.json": b"new"}
NEW["config.json"] = b"of the user"
SWAP = ["verify.py", "main.py", "app/a.mpy", "app/b/c.mpy", "manifest.json"]
STEPS = len(SWAP) + 3  # a file, a folder, the order


class Cut(Exception):
    pass


class File:
    def __init__(self, content):
        self.content = content

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def read(self, size=None):
        size = len(self.content) if size is None else size
        taken, self.content = self.content[:size], self.content[size:]
        return taken


class Fs:
    """A file system in memory, in place of os and open. `cut_in`: how many changes it makes until the supply goes;
    `full`: a name that can't be taken."""

    def __init__(self, files):
        self.files = dict(files)
        self.cut_in, self.full = 1000, None
        verify.os, verify.open = self, self.open

    def open(self, name, mode="r"):
        if name not in self.files:
            raise OSError(2, "")
        return File(self.files[name])

    def _change(self, name, target=""):
        if not self.cut_in:
            raise Cut
        self.cut_in -= 1
        if name not in self.files:
            raise OSError(2, "")
        if target == self.full:
            raise OSError(28, "")

    def rename(self, name, target):
        self._change(name, target)
        self.files[target] = self.files.pop(name)

    def remove(self, name):
        self._change(name)
        del self.files[name]

    def rmdir(self, folder):
        if not self.cut_in:
            raise Cut
        self.cut_in -= 1
        if any(name.startswith(folder + "/") for name in self.files):
            raise OSError(39, "")


def order(*parts):
    text = json.dumps(parts or [SWAP, ["app/gone/x.mpy"], ["app/gone"]]).encode()
    return binascii.hexlify(hashlib.sha256(text).digest()[:8]) + text


def committed(**changes):
    beside = {name + ".new": NEW[name] for name in SWAP}
    files = dict(OLD)
    files.update(beside)
    files[ORDER] = order()
    files.update(changes)
    return Fs(files)


def broken_off(fs, after):
    fs.cut_in = after
    try:
        verify.finish()
    except Cut:
        fs.cut_in = 1000
        return True
    return False


def test_without_an_order_nothing_happens():
    fs = Fs(OLD)
    fs.cut_in = 0
    assert verify.finish() is False and fs.files == OLD


def test_an_order_is_carried_out():
    fs = committed()
    assert verify.finish() is True and fs.files == NEW
    assert fs.cut_in == 1000 - STEPS
    assert verify.finish() is False and fs.files == NEW


def test_broken_off_after_any_step_and_again():
    for first in range(STEPS):
        for second in range(STEPS + 1):
            fs = committed()
            assert broken_off(fs, first)
            assert fs.files["verify.py"] == (b"new" if first else b"old"), "it goes first"
            assert ORDER in fs.files
            if broken_off(fs, second):
                assert verify.finish() is True
            assert fs.files == NEW


def test_a_damaged_order_goes_and_nothing_else():
    good = order()
    spoilt = [good[:size] for size in range(len(good))]
    spoilt += [good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in range(len(good))]
    for content in spoilt:
        fs = committed(**{"x": b""})
        fs.files[ORDER] = content
        before = {name: fs.files[name] for name in fs.files if name != ORDER}
        assert verify.finish() is False and fs.files == before, content


def test_an_order_of_another_kind_goes_and_nothing_else():
    for parts in ([1], [[], []], [{"version": 2}], [7, 8, 9], [[], [], [], []], [[1], [], []]):
        fs = committed()
        fs.files[ORDER] = order(*parts)
        before = {name: fs.files[name] for name in fs.files if name != ORDER}
        assert verify.finish() is False and fs.files == before, parts


def test_a_step_that_fails_is_tried_again():
    fs = committed()
    fs.full = "app/a.mpy"
    assert verify.finish() is False
    assert ORDER in fs.files and fs.files["main.py"] == b"new" and fs.files["manifest.json"] == b"old"
    fs.full = None
    assert verify.finish() is True and fs.files == NEW


def test_a_folder_with_something_of_the_user_stays():
    fs = committed()
    fs.files["app/gone/mine"] = b"mine"
    assert verify.finish() is True and fs.files.pop("app/gone/mine") == b"mine" and fs.files == NEW


class Machine:
    def __init__(self):
        self.did = []

    def WDT(self, timeout):
        self.did.append(timeout)

    def reset(self):
        self.did.append("reset")
        raise Cut


def test_a_cold_start_finishes_first_and_starts_anew():
    fs = committed()
    machine = verify.machine = Machine()
    checked, listened = [], []
    damaged, listen = verify.damaged, verify.listen
    verify.damaged, verify.listen = lambda: checked.append(1), lambda: listened.append(1)
    try:
        verify.cold_start()
        raise AssertionError("it went on with the old program")
    except Cut:
        assert machine.did[-1] == "reset" and not checked and fs.files == NEW
    verify.cold_start()
    verify.damaged, verify.listen = damaged, listen
    assert machine.did.count("reset") == 1 and checked and listened


def test_whoever_stops_a_cold_start_anywhere_has_ten_minutes():
    """Ctrl-C of a line that floats, while files are changed, compared or missed: the node must not stay awake."""

    def stop(*_):
        raise Cut

    for name in ("finish", "damaged", "listen"):
        machine = verify.machine = Machine()
        Fs({})
        kept = {part: getattr(verify, part) for part in ("finish", "damaged", "listen")}
        verify.damaged = lambda: []
        setattr(verify, name, stop)
        try:
            verify.cold_start()
            raise AssertionError("it was not stopped")
        except Cut:
            assert machine.did == [600000], name
        finally:
            for part in kept:
                setattr(verify, part, kept[part])
