"""`binnode image`: what a board's flash is to hold, without a board."""

import hashlib
import json
from pathlib import Path

import click

from binnode_tools import boards, image, paths
from binnode_tools.app_update import DEFAULT_BOARD
from binnode_tools.cli import complete_image, values
from binnode_tools.cli.main import fail
from binnode_tools.cli.port import json_option, note
from binnode_tools.flashing.content import content_of
from binnode_tools.private_files import write_private


@click.command()
@click.option(
    "--board",
    metavar="NAME",
    default=DEFAULT_BOARD,
    show_default=True,
    shell_complete=values.boards,
    help="name in boards/, or a .toml file",
)
@complete_image.options
@click.option(
    "--flash-size", type=click.IntRange(2, 32), metavar="MIB", help="of the boards  [default: the board file's]"
)
@click.option("--fs-only", is_flag=True, help="only the file system with the application, as littlefs")
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="where to  [default: build/image/BOARD.bin (.littlefs)]",
)
@json_option
def command(
    board: str,
    micropython: str | None,
    mirror: str,
    config: Path | None,
    ca: Path | None,
    secrets: Path | None,
    flash_size: int | None,
    fs_only: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Write to a file what `binnode flash` writes to a board: the whole flash, to be written at 0x0.

    For a production line. With --secrets the file is a secret of one node, and readable for its owner only.

    \b
    binnode image --board esp32c3 --output esp32c3.bin
    esptool --chip esp32c3 write-flash --erase-all 0x0 esp32c3.bin
    """
    if fs_only and (micropython or config or ca or secrets or flash_size):
        raise click.UsageError("--fs-only: the file system with the application alone; it holds nothing else")
    if fs_only:
        _file_system(boards.load(board), output, as_json)
        return
    content = content_of(board, micropython, mirror, config, secrets, ca, note)
    size = flash_size << 20 if flash_size else content.board.flash.size
    made = content.image_for(size)
    output = output or paths.BUILD / "image" / f"{content.board.name}.bin"
    _write(output, made.content, secret=bool(made.secrets))
    if as_json:
        digest = hashlib.sha256(made.content).hexdigest()
        result = complete_image.as_json(made, content.board)
        click.echo(json.dumps({**result, "file": str(output), "sha256": digest}))
        return
    click.echo(f"{output}: the whole flash, {len(made.content)} bytes from 0x0")
    for line in complete_image.described(made):
        click.echo(line)
    click.echo(f"firmware {complete_image.firmware()}, MicroPython {made.micropython}")


def _file_system(board: boards.Board, output: Path | None, as_json: bool) -> None:
    files = image.application_files(board)
    content = image.littlefs_image(files, board.flash.fs_size)
    output = output or paths.BUILD / "image" / f"{board.name}.littlefs"
    _write(output, content)
    if as_json:
        click.echo(json.dumps({"file": str(output), "bytes": len(content), "offset": board.flash.fs_offset}))
        return
    mpy = sum(len(data) for name, data in files.items() if name.endswith(".mpy"))
    click.echo(f"{output}: {len(content)} bytes for flash at 0x{board.flash.fs_offset:x}")
    click.echo(f"{len(files)} files, {mpy} bytes of .mpy, firmware {image.commit()}")


def _write(path: Path, content: bytes, secret: bool = False) -> None:
    """`secret`: nobody but the owner can read it, at no moment."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if secret:
            write_private(path, content)
        else:
            path.write_bytes(content)
    except OSError as error:
        fail(f"{path}: {error.strerror}")
