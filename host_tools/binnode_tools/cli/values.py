"""What the shell may complete an option's value to. Each is asked for only when somebody presses Tab."""

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

PORT_HELP = "as in /dev/ttyUSB0 or COM3  [default: $BINNODE_PORT, else the only one that fits]"

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completer(find: Callable[[], Iterable[tuple[str, str]]]) -> Completer:
    """Of (value, what it is), those that begin with what is typed; none when they can't be had."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            found = list(find())
        except Exception:  # a traceback in the middle of somebody's prompt helps nobody
            return []
        return [CompletionItem(value, help=text) for value, text in found if value.startswith(incomplete)]

    return complete


def _ports() -> Iterable[tuple[str, str]]:
    from serial.tools import list_ports

    return [(one.device, one.description) for one in sorted(list_ports.comports()) if one.vid is not None]


def _boards() -> Iterable[tuple[str, str]]:
    from binnode_tools import boards

    return [(name, boards.load(name).title) for name in boards.names()]


def _modules() -> Iterable[tuple[str, str]]:
    from binnode_tools.modules import modules

    return [(name, one.wiring.title) for name, one in modules().items()]


def _regions() -> Iterable[tuple[str, str]]:
    from binnode_tools import firmware_rules

    return [(name, "") for name in firmware_rules.rules().LIMITS["lora_region"]]


def _settings() -> Iterable[tuple[str, str]]:
    from binnode_tools import firmware_rules

    return [(name, "") for name in firmware_rules.rules().DEFAULTS if name != "version"]


def _secrets() -> Iterable[tuple[str, str]]:
    from binnode_tools import firmware_rules

    return [(name, "a secret: asked for, not shown") for name in firmware_rules.rules().SECRETS]


ports = _completer(_ports)
boards = _completer(_boards)  # a .toml file serves too
modules = _completer(_modules)
regions = _completer(_regions)
setting_names = _completer(lambda: [*_settings(), *_secrets()])
assignments = _completer(lambda: [*((f"{name}=", text) for name, text in _settings()), *_secrets()])
