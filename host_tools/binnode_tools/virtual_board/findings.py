"""What only the end of a wake shows of its misuses."""

from binnode_tools.virtual_board.chip import Chip


def take(chip: Chip, how: str, console: str) -> list[str]:
    """All findings of the wake that ends now by `how`. A cut of the power is nobody's fault."""
    for number, pin in chip.pins.items():
        if how == "deep sleep" and pin.held and pin.mode != "free" and not chip.keeps(number, pin):
            chip.find("hold_lost", pin=number)
        if pin.queued:
            chip.find("hold_stuck", pin=number)
    radio = chip.radio
    if radio and how == "deep sleep" and radio.mode == "sleep" and radio.WAKES_BY_NSS:
        cs = radio.wiring.cs
        if cs not in chip.pins or chip.pins[cs].mode != "output" or not chip.keeps(cs, chip.pins[cs]):
            chip.find("radio_nss_floats", pin=cs)
    if chip.nvs.pending and how in ("deep sleep", "reset", "main ended"):
        chip.find("nvs_uncommitted", names=", ".join(sorted("/".join(name) for name in chip.nvs.pending)))
    for (_, key), item in chip.nvs.live.items():
        secret = item.value.decode(errors="replace") if key.endswith("_key") and isinstance(item.value, bytes) else ""
        if secret and secret in console:
            chip.find("secret_printed", name=key)
    found, chip.findings = chip.findings, []
    return found
