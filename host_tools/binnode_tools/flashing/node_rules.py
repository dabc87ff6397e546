"""What the firmware's own rules say of settings and secrets that go into an image, before any node sees them."""

from collections.abc import Mapping

from binnode_tools import firmware_rules
from binnode_tools.image import ImageError


def complete_config(settings: Mapping[str, str | int]) -> dict[str, str | int]:
    """The settings, and the defaults for what is not among them. ImageError when the node would not take them."""
    rules = firmware_rules.rules()
    config = {**rules.DEFAULTS, **settings}
    if messages := rules.check(config):
        raise ImageError(f"the settings are not in order: {'; '.join(messages)}")
    return config


def check_secrets(secrets: Mapping[str, str]) -> None:
    """ImageError when one is unknown or can't be right; it never shows the secret."""
    rules = firmware_rules.rules()
    for name, text in secrets.items():
        if name not in rules.SECRETS:
            raise ImageError(f"{name}: no secret; there are: {', '.join(rules.SECRETS)}")
        if message := rules.check_secret(name, text):
            raise ImageError(message)
