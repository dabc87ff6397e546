"""The firmware's own rules of the configuration, run here: what they refuse, the node refuses."""

import importlib
import sys
from typing import Any

from binnode_tools import paths


def rules() -> Any:
    """binnode.config_rules, from the firmware that these tools carry."""
    for place in (paths.FIRMWARE, paths.SHIMS):
        if str(place) not in sys.path:
            sys.path.append(str(place))
    return importlib.import_module("binnode.config_rules")


def defaults() -> dict[str, str | int]:
    """All settings with their defaults."""
    return dict(rules().DEFAULTS)
