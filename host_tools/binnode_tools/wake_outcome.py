"""What came of a wake, in words, from the line with which it ended. Pure."""

from dataclasses import dataclass

from binnode_tools.console_lines import NOTHING, Line, Wake

# What a wake says when its report failed begins with, or has in it -> what to do. Most messages of Wi-Fi say it
# themselves (firmware/binnode/wifi/failures.py).
_REMEDIES = (
    ("no LoRaWAN keys", "binnode provision node gives it some"),
    ("no Join-Accept", "is it registered at the network server with this DevEUI, JoinEUI and key, and a gateway near?"),
    ("not acknowledged", "the network heard it and did not confirm: try again"),
    ("no answer", "is a gateway near, the antenna on, and lora_region right? The network server shows what it hears"),
    ("duty cycle", "the region's air time is used up: it goes on by itself"),
    ("channels taken", "others are on the air: it goes on by itself"),
    ("no radio", "binnode doctor looks at the radio"),
    ("radio ", "binnode doctor looks at the radio"),
    ("no such name", "is mqtt_host right? The network's DNS server does not know it"),
    ("ECONN", "is the broker running at mqtt_host, mqtt_port?"),
    ("EHOST", "is mqtt_host right, and in the same network?"),
    ("ETIMEDOUT", "is mqtt_host right, and does a firewall let it through?"),
)


@dataclass(frozen=True)
class Outcome:
    """`well`: delivered, or measured where nothing is to be delivered. `text`: one or two sentences."""

    well: bool
    text: str
    wake: Wake | None = None


def of(line: Line | None, transport: str, budget_s: float) -> Outcome:
    """From the line that ended the wake; None: none came within `budget_s`."""
    if line is None:
        text = (
            f"the node did not say within {budget_s:.0f} s what came of it, or its port went away with the words. "
            "binnode doctor shows when it reported last; binnode monitor what it says"
        )
        return Outcome(False, text)
    if line.event == "damaged":
        files = ", ".join(line.found["files"])
        return Outcome(False, f"files are damaged on the flash ({files}): send the application again, binnode deploy")
    if line.event == "stopped":
        return Outcome(False, "somebody stopped the node with Ctrl-C: press its reset (EN), or call this again")
    wake = line.wake
    if wake is None:
        return Outcome(False, "the wake crashed: binnode doctor says where, binnode monitor shows all of it")
    if wake.sent:
        rest = f" Readings that wait still: {wake.waiting}." if wake.waiting else ""
        mode = " It is in safe mode: binnode doctor says why." if wake.safe else ""
        return Outcome(not wake.safe, f"Delivered: {reading(wake)}.{rest}{mode}", wake)
    if wake.result == NOTHING and transport == "none":
        if wake.kind == "ok":
            return Outcome(True, f"Measured: {reading(wake)}. transport is none: nothing to deliver.", wake)
        return Outcome(False, "it measured no level, and transport is none: binnode doctor looks at the module", wake)
    if wake.result.startswith("failed: "):
        why = wake.result.removeprefix("failed: ")
        return Outcome(False, f"the report failed: {why}{_remedy(why)}", wake)
    return Outcome(False, f"it reported nothing ({wake.result}): call this again, or binnode doctor", wake)


def reading(wake: Wake) -> str:
    """ "41.2 %, 678 mm", or the kind of a reading without a level."""
    level = wake.kind if wake.fill_permille is None else f"{wake.fill_permille / 10:.1f} %"
    return level if wake.distance_mm is None else f"{level}, {wake.distance_mm} mm"


def _remedy(why: str) -> str:
    return next((f". {remedy[0].upper()}{remedy[1:]}" for word, remedy in _REMEDIES if word in why), "")
