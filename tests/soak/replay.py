"""Replays a recording (decisions.py) on CPython: a program, because the chip's modules take CPython's places here."""

import base64
import calendar
import contextlib
import hashlib
import importlib.util
import io
import json
import os
import random
import re
import sys
import tempfile
import time as real_time
import types
from pathlib import Path

from binnode_tools import paths
from binnode_tools.virtual_board import acts
from binnode_tools.virtual_board.acts_chip import FEATURES
from binnode_tools.virtual_board.peers import BrokerStream, ScriptedBroker

from tests.soak import decisions

VM = paths.REPOSITORY / "host_tools/binnode_tools/virtual_board/vm"
_KEPT = (base64, hashlib, io, random)  # loaded before their `time` is the chip's
_SHOWN = 20


class EndOfReplay(BaseException):
    """The wake is over here, as deep sleep, the watchdog or a power cut ends it."""


class Link:
    """In the place of vm/_link.py: answers each act with what the full node was told."""

    def __init__(self):
        self.recorded: list[decisions.Act] = []
        self.place = 0
        self.differences: list[str] = []
        self.broker = ScriptedBroker()
        self.streams: dict[int, BrokerStream] = {}

    def act(self, code: int, a: int = 0, b: int = 0, data: bytes = b"", wants_data: bool = False):
        if self.place >= len(self.recorded) or self.differences:
            raise EndOfReplay
        act, was_a, was_b, was_data, status, value, answer = self.recorded[self.place]
        self.place += 1
        data = bytes(data)
        if (code, a, b) != (act, was_a, was_b) or not self.same(code, data, was_data):
            self.differences.append(
                f"act {self.place}: {code} {a} {b} {data.hex()} on CPython, {act} {was_a} {was_b} {was_data.hex()}"
            )
            raise EndOfReplay
        if status == 254:
            raise EndOfReplay
        if code == acts.SOCK_OPEN:
            self.streams[value] = BrokerStream(self.broker)
        if code == acts.SOCK_SEND and status == acts.OK and a in self.streams:
            with contextlib.suppress(UnicodeDecodeError, IndexError):  # datagrams are no MQTT
                self.streams[a].send(data[:value], 0)
        if status == acts.OK:
            return answer if wants_data else value
        if status == acts.OS_ERROR:
            raise OSError(value, answer.decode()) if answer else OSError(value)
        raise (ValueError if status == acts.VALUE_ERROR else RuntimeError)(answer.decode())

    @staticmethod
    def same(code: int, data: bytes, was: bytes) -> bool:
        """JSON may name its fields in another order: MicroPython's dict keeps none."""
        if data == was:
            return True
        return code == acts.SOCK_SEND and b"{" in data and len(data) == len(was) and sorted(data) == sorted(was)


def stand_in(name: str, as_name: str) -> types.ModuleType:
    """A module of vm/ on CPython."""
    spec = importlib.util.spec_from_file_location(as_name, VM / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def nvs_of_bytes(plain: type) -> type:
    """The stand-in's NVS; b"%s" takes text in MicroPython, and bytes only in CPython."""

    class Nvs(plain):
        def __init__(self, namespace: str):
            super().__init__(namespace.encode())

        def _act(self, code: int, key: str, *more, **named):
            return super()._act(code, key.encode(), *more, **named)

    return Nvs


def install(link: Link, files: dict[str, bytes], chip: str, folder: Path) -> None:
    """The chip's modules and files, as the firmware finds them."""
    sys.modules["acts"] = acts
    sys.modules["_link"] = types.SimpleNamespace(act=link.act)  # pyright: ignore[reportArgumentType]
    sys.modules["utime"] = types.SimpleNamespace(  # pyright: ignore[reportArgumentType]
        gmtime=lambda seconds: tuple(real_time.gmtime(seconds))[:8], mktime=lambda date: calendar.timegm(date[:6])
    )
    sys.path[:0] = [str(paths.FIRMWARE), str(paths.SHIMS)]
    loaded = {name: stand_in(name, f"chip_{name}") for name in ("time", "machine", "esp32", "network", "onewire")}
    loaded["esp32"].fit(FEATURES[chip])
    loaded["esp32"].__dict__["NVS"] = nvs_of_bytes(loaded["esp32"].NVS)
    loaded["socket"] = stand_in("socket", "chip_socket")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    os.chdir(folder)
    sys.modules.update(loaded)
    import gc

    import micropython  # pyright: ignore[reportMissingImports, reportMissingModuleSource]

    added = {gc: {"threshold": lambda *_: None}, micropython: {"kbd_intr": lambda byte: link.act(acts.KBD_INTR, byte)}}
    for module, functions in added.items():
        module.__dict__.update(functions)
    from binnode_tools import image

    version = types.ModuleType("binnode.version")
    exec(image.version_source(), vars(version))
    sys.modules["binnode.version"] = version
    from binnode.board import Board

    def random_bytes(self: Board, count: int) -> bytes:
        answer = link.act(acts.RANDOM, count, wants_data=True)
        assert isinstance(answer, bytes)
        return answer

    Board.random = random_bytes


def replay(recording: dict) -> dict:
    link = Link()
    wakes = reports = count = 0
    differences: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        install(link, recording["files"], recording["chip"], Path(folder))
        main = compile((paths.FIRMWARE / "main.py").read_text(), "main.py", "exec")
        for index, how, recorded, published, console in recording["wakes"]:
            link.recorded, link.place, link.differences = [act for act in recorded if act[0] != acts.BOOT], 0, []
            link.broker.published.clear()
            link.streams.clear()
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                try:
                    exec(main, {"__name__": "__main__"})
                except EndOfReplay:
                    pass
            got = [payload for _, topic, payload, _ in link.broker.published if topic.endswith(("/up/1", "/up/2"))]
            if not link.differences and link.place < len(link.recorded):
                link.differences.append(f"{link.place} acts on CPython, {len(link.recorded)} on the board")
            if not link.differences and got != published:
                link.differences.append(f"reports {[p.hex() for p in got]}, not {[p.hex() for p in published]}")
            if not link.differences and how == "deep sleep" and last_line(said.getvalue()) != last_line(console):
                link.differences.append(f"{last_line(said.getvalue())!r}, not {last_line(console)!r}")
            differences += [f"wake {index} ({how}): {text}" for text in link.differences]
            wakes, reports, count = wakes + 1, reports + len(published), count + link.place
    os.chdir("/")
    return {
        "wakes": wakes,
        "acts": count,
        "reports": reports,
        "different_wakes": len(differences),
        "differences": differences[:_SHOWN],
    }


def last_line(console: str) -> str:
    """What the wake said of itself, without the text of an error: the interpreters have their own words for it."""
    lines = [line for line in console.splitlines() if line.startswith("binnode: ")]
    return re.sub(r"failed: .*, (\d+ waiting)", r"failed, \1", lines[-1].strip()) if lines else ""


if __name__ == "__main__":
    print(json.dumps(replay(decisions.load(Path(sys.argv[1]).resolve()))))
