"""An update of the application in virtual time: what app_update sends is carried out in wakes; the supply may go."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from binnode_tools import app_update, board_snippets, boards, image
from binnode_tools.board_link import BoardFiles, Identity, last_answer
from binnode_tools.serial_ports import LinkError
from binnode_tools.virtual_board.storage import BLOCK, Cutter
from binnode_tools.virtual_board.wake import WakeRecord
from littlefs import LittleFS

from tests.system.scenario import Scenario, scenario
from tests.system.snapshots import next_wake
from tests.unit.small_application import OWN

_PIECE = 1900  # bytes of an order in one item of NVS


@dataclass
class Step:
    """What the board is told in one go, the flash before, and the bytes of each write and erase that it makes."""

    code: str
    before: bytes
    writes: list[int] = field(default_factory=list)

    def cuts(self, dense: bool) -> list[int]:
        """Bytes after which the supply goes: before, in the middle and just before the end of each write; `dense`:
        after each byte of a write, and at 16 places of an erase."""
        places, done = set(), 0
        for size in self.writes:
            inner = range(0, size, BLOCK // 16 if size == BLOCK else 1) if dense else (0, size // 2)
            places |= {done + place for place in (*inner, size - 1)}
            done += size
        return sorted(places)


class _Recorder(Cutter):
    """Lets everything pass, and notes the writes."""

    def __init__(self):
        super().__init__(1 << 30)
        self.sizes: list[int] = []

    def spend(self, size: int) -> int:
        self.sizes.append(size)
        return super().spend(size)


class Bench:
    """A board that was never deployed to by this update. It is a BoardLink too: what writes is a wake of its own."""

    identity = Identity((1, 29, 0), "virtual", "linux")

    def __init__(self, running: Scenario):
        self.running, self.board = running, running.board
        self.steps: list[Step] = []

    # the link -------------------------------------------------------------------------------------------------------

    def files(self, root_names) -> BoardFiles:
        content, folders = self.on_flash()
        names = [name for name in content if name in set(root_names) or name.startswith("binnode/")]
        return BoardFiles({name: image.digest(content[name]) for name in names}, folders)

    def read(self, name: str) -> bytes | None:
        return self.on_flash()[0].get(name)

    def make_folder(self, name: str) -> None:
        self.run(f"import os\nos.mkdir({name!r})")

    def write(self, name: str, content: bytes, progress=lambda count: None) -> None:
        chunks = [content[at : at + 512] for at in range(0, len(content), 512)]
        code = "".join(f"w({chunk!r})\n" for chunk in chunks)
        self.run(f"f = open({name!r}, 'wb')\nw = f.write\n{code}f.close()")
        progress(len(content))

    def remove(self, names: list[str], folders: list[str]) -> None:
        code = "".join(f"os.remove({name!r})\n" for name in names)
        self.run("import os\n" + code + "".join(f"os.rmdir({name!r})\n" for name in reversed(folders)))

    def run(self, code: str, timeout_s: float = 10.0) -> str:
        step = Step(code, self.board.chip.flash.read())
        recorder = _Recorder()
        wake = self.wake_with(code, recorder)
        step.writes = recorder.sizes
        self.steps.append(step)
        assert wake.how == "deep sleep", wake.console
        if "failed: " in wake.console:
            raise LinkError(wake.console)
        return wake.console

    def free_blocks(self) -> int:
        """As the board says."""
        return (last_answer(self.run(f"{board_snippets.FILES}\nlook([])")) or {})["free_blocks"]

    # the board ------------------------------------------------------------------------------------------------------

    def wake_with(self, code: str, cutter: Cutter | None = None) -> WakeRecord:
        """A power-on that carries out `code` instead of the node's work."""
        chip, content = self.board.chip, code.encode()
        pieces = [content[at : at + _PIECE] for at in range(0, len(content), _PIECE)]
        for number, piece in enumerate(pieces):
            chip.nvs.provision("tools", f"order{number}", piece)
        chip.nvs.provision("tools", "pieces", len(pieces))
        self.board.power_on(chip.now + 1_000_000)
        self.board.off_us = 1_000_000
        chip.flash.cutter = cutter
        next_wake(self.running)
        chip.nvs.provision("tools", "pieces", 0)
        return self.board.wakes[-1]

    def on_flash(self) -> tuple[dict[str, bytes], list[str]]:
        """(files, folders below /binnode), read by another implementation of littlefs."""
        content = self.board.chip.flash.read()
        system = LittleFS(block_size=BLOCK, block_count=len(content) // BLOCK, mount=False, name_max=255)
        system.context.buffer = bytearray(content)
        system.mount()
        found, folders = {}, []
        for folder, _, names in system.walk("/"):
            if folder != "/":
                folders.append(folder.strip("/"))
            for name in names:
                path = f"{folder}/{name}".strip("/")
                with system.open(path, "rb") as file:
                    found[path] = file.read()
        return found, folders

    def update(self, files: dict[str, bytes], free_blocks: int | None = None) -> None:
        """The whole of app_update, to the end."""
        there = replace(app_update.look(self, files), block_size=BLOCK, free_blocks=free_blocks)  # pyright: ignore[reportArgumentType]
        prepared = app_update.Prepared(boards.load("esp32_devkit"), app_update.plan(files, there), there)
        app_update.update(self, prepared)  # pyright: ignore[reportArgumentType]

    def sweep(
        self, old: dict[str, bytes], new: dict[str, bytes], dense: bool = False
    ) -> Iterator[tuple[int, int, str]]:
        """Cut every step of the update that was made, and see that the flash is whole; (step, bytes, what runs)."""
        for number, step in enumerate(self.steps):
            for after in step.cuts(dense):
                runs = self.cut(step, after)
                self.whole(new if runs == "new" else old, runs == "new")
                yield number, after, runs

    def cut(self, step: Step, after: int, then: int | None = None) -> str:
        """ "old" or "new": what runs when the supply went in that step, after so many bytes, and came back. `then`: it
        goes a second time, after so many bytes of the start that follows."""
        chip = self.board.chip
        os.pwrite(chip.flash.fd, step.before, 0)
        wake = self.wake_with(step.code, Cutter(after))
        assert wake.how == "power cut", wake.console
        del self.board.wakes[:-1]
        if then is not None:
            chip.flash.cutter = Cutter(then)
            next_wake(self.running)
        for _ in range(3):
            next_wake(self.running)
            wake = self.board.wakes[-1]
            if wake.how == "deep sleep":
                break
        assert wake.how == "deep sleep" and "damaged" not in wake.console, wake.console
        said = [line.split() for line in wake.console.splitlines() if line.startswith("RUNS")]
        assert len(said) == 1 and said[0][1] == said[0][2], wake.console
        return said[0][1]

    def whole(self, files: dict[str, bytes], new: bool) -> None:
        """Are the application's files these, with nothing that could shadow one, and the others what they were?"""
        found, _ = self.on_flash()
        beside = {name for name in found if name.endswith(app_update.NEW) or name == app_update.ORDER}
        assert {name: found[name] for name in found.keys() - beside} == {**files, **OWN}
        assert not new or not beside


@contextmanager
def bench(old: dict[str, bytes]) -> Iterator[Bench]:
    with scenario(files={**old, **OWN}) as running:
        running.judge = Nobody()
        running.board.chip.nvs.provision("tools", "pieces", 0)
        yield Bench(running)


class Nobody:
    """Nothing is reported here."""

    def wake(self, wake, messages) -> None:
        assert not messages
