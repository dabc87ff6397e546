"""The diagnostics message: FPort 2, version 1. Its specification is host_tools/binnode_tools/codec/PAYLOAD.md."""

from binnode.storage.recoveries import STANDING, names

CAUSES = ("unknown", "power_on", "reset", "watchdog", "deep_sleep", "soft_reset")
STEPS = ("none", "starting", "measuring", "reporting", "safe_measuring", "safe_reporting")


def encode(state, firmware):
    """The message about `state`; `firmware` as in version.VERSION, such as "0.1.0"."""
    place = state.crash_file << 12 | state.crash_line
    version = version_code(firmware)
    return bytes(
        (
            0x10 | state.reset_cause,
            state.crash_step << 1 | bool(state.safe),
            state.crashes,
            state.recoveries >> 8,
            state.recoveries & 255,
            place >> 16,
            place >> 8 & 255,
            place & 255,
            version >> 8,
            version & 255,
        )
    )


def version_code(firmware):
    """16 bits: major 4, minor 6, patch 6, each clamped; 0 for what is no such version."""
    code = 0
    parts = firmware.split("+")[0].split(".")
    for place, bits in ((0, 4), (1, 6), (2, 6)):
        part = parts[place] if place < len(parts) else ""
        code = code << bits | (min(int(part), (1 << bits) - 1) if part.isdigit() else 0)
    return code


def as_json(board, state, name, firmware):
    """The same in words, with the text of the last crash when NVS holds that one."""
    import json

    crash = None
    if state.crash_step:
        from binnode.crash import file_code, last

        crash = {"step": STEPS[state.crash_step], "what": None, "file": None, "line": state.crash_line or None}
        kept = last(board, state)
        if kept and (kept[0], file_code(kept[1]), kept[2]) == (state.crash_step, state.crash_file, state.crash_line):
            crash["file"], crash["what"] = kept[1] or None, kept[3]
    return json.dumps(
        {
            "id": name,
            "firmware": firmware,
            "reset_cause": CAUSES[state.reset_cause] if state.reset_cause < len(CAUSES) else CAUSES[0],
            "safe_mode": state.safe,
            "crashes": state.crashes,
            "recoveries": names(state.recoveries),
            "crash": crash,
        }
    )


def deliver(link, board, state):
    """Send it over an open link; its receipt means that it was told. Raises what link.deliver raises."""
    from binnode.version import VERSION

    text = as_json(board, state, link.name, VERSION)  # first: it may find that the crash record is damaged
    link.deliver_diagnostics(encode(state, VERSION), text)
    state.diagnose = False
    state.told |= state.recoveries & STANDING
    state.recoveries = 0
    if not state.crashes:
        state.crash_step = state.crash_file = state.crash_line = 0
