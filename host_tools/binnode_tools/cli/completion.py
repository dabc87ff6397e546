"""`binnode completion`: what a shell needs to complete commands, options and their values."""

import click
from click.shell_completion import get_completion_class

from binnode_tools.cli.main import cli

VARIABLE = "_BINNODE_COMPLETE"  # what click looks at, by the program's name
# Bash adds a space to the only match: not behind "wifi_ssid=", which a value follows.
_NO_SPACE = '    [[ "${COMPREPLY[*]}" == *= ]] && compopt -o nospace\n'


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the script that lets a shell complete commands, options and values: boards, modules, ports, settings.

    \b
    bash  binnode completion bash > ~/.local/share/bash-completion/completions/binnode
    zsh   binnode completion zsh > ~/.zfunc/_binnode
          (with fpath+=~/.zfunc before compinit in ~/.zshrc)
    fish  binnode completion fish > ~/.config/fish/completions/binnode.fish
    """
    click.echo(script(shell))


def script(shell: str) -> str:
    made = get_completion_class(shell)
    assert made is not None
    lines = (made.source_template % made(cli, {}, "binnode", VARIABLE).source_vars()).splitlines(keepends=True)
    if shell == "bash":
        end = next(at for at, line in enumerate(lines) if line.strip() == "return 0")
        lines.insert(end, _NO_SPACE)
    return "".join(lines)
