"""`binnode image`: the file system image of a board, without a board."""

from pathlib import Path

import click

from binnode_tools import boards, image, paths
from binnode_tools.cli.main import fail


@click.command()
@click.option("--board", default="esp32_devkit", show_default=True, help="name in boards/, or a .toml file")
@click.option("--output", type=click.Path(path_type=Path), help="default: build/image/BOARD.littlefs")
def command(board: str, output: Path | None) -> None:
    """Write the littlefs image with the application for BOARD. It holds no config and no secret."""
    try:
        chosen = boards.load(board)
        files = image.application_files(chosen)
        content = image.littlefs_image(files, chosen.flash.fs_size)
    except (boards.BoardError, image.ImageError) as error:
        fail(str(error))
        return
    output = output or paths.BUILD / "image" / f"{chosen.name}.littlefs"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(content)
    mpy = sum(len(data) for name, data in files.items() if name.endswith(".mpy"))
    click.echo(f"{output}: {len(content)} bytes for flash at 0x{chosen.flash.fs_offset:x}")
    click.echo(f"{len(files)} files, {mpy} bytes of .mpy, firmware {image.commit()}")
