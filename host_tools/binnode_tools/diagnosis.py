"""From what a node says of itself to what is wrong with it, and what to do about that. Pure.

host_tools/docs/doctor.md has a row for each finding.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from binnode_tools.checkup import Checkup
from binnode_tools.codec.diagnostics import RECOVERIES, STEPS
from binnode_tools.node_service import Reading, Settings

# code -> level. error: the node does not do its work, or will soon not. warning: it does, and somebody should look.
LEVELS = {
    "damaged": "error",
    "wrong_board": "error",
    "config": "error",
    "not_set": "error",
    "no_radio": "error",
    "radio": "error",
    "nvs": "error",
    "safe_mode": "error",
    "module_silent": "error",
    "thermometer_silent": "error",
    "crashing": "warning",
    "failing": "warning",
    "memory_lost": "warning",
    "recovered": "warning",
    "brown_out": "warning",
    "battery_low": "warning",
    "module_noisy": "warning",
    "module_sees": "warning",
    "module_unsure": "warning",
    "not_looked_at": "warning",
    "other_version": "warning",
    "flash_full": "warning",
    "not_joined": "note",
    "crashed_once": "note",
    "other_commit": "note",
    "unknown_board": "note",
    "no_memory": "note",
    "not_calibrated": "note",
    "reports_nowhere": "note",
    "thermometer_warm": "note",
}
ORDER = ("error", "warning", "note")
_UPDATE_BYTES = 160 * 1024  # the application once more, while it is sent
_WARM_C10 = 350
_CALIBRATION = ("empty_mm", "full_mm")
_SECRETS = {"otaa": ("lora_app_key",), "abp": ("lora_nwk_s_key", "lora_app_s_key")}
_PARTS = {
    "damaged": "the files",
    "flash": "the room on the flash",
    "state": "the memory",
    "crash": "the last crash",
    "session": "the LoRaWAN session",
}
_SEES = {
    "no_echo": ("hears no echo", "is it askew, or is something soft below it? Is it the module that is set?"),
    "too_near": ("hears something in its blind zone", "clear what is before it, or mount it higher"),
    "too_far": ("hears only what is beyond its range", "close the lid; is the bin deeper than the module hears?"),
    "lid_open": ("hears what lies below the bin's bottom", "close the lid, or measure the bin anew: binnode calibrate"),
}


@dataclass(frozen=True)
class Finding:
    """`level` as LEVELS has it; `text` says what was found, `remedy` what to do ("" when there is nothing to do)."""

    code: str
    text: str
    remedy: str

    @property
    def level(self) -> str:
        return LEVELS[self.code]


@dataclass(frozen=True)
class Patient:
    """All that is known. `chip` as in board files, None when it is none of them; `board_chip`: that of the board which
    the node believes to be, None for a board that these tools do not know. `thermometer_c10`: of a DS18B20 that is set;
    `defaults` of all settings."""

    checkup: Checkup
    settings: Settings
    reading: Reading
    chip: str | None
    board_chip: str | None
    version: str
    commit: str
    defaults: dict[str, str | int]
    thermometer_c10: int | None = None


def findings(patient: Patient) -> list[Finding]:
    """What is wrong, the worst first; [] when nothing is."""
    found = [finding for look in _LOOKS for finding in look(patient)]
    return sorted(found, key=lambda finding: ORDER.index(finding.level))


def _software(patient: Patient) -> Iterator[Finding]:
    checkup = patient.checkup
    info = checkup.info
    if checkup.damaged:
        text = f"Damaged on the flash: {', '.join(checkup.damaged)}. The node stops at its start."
        yield Finding("damaged", text, "Send the application again: binnode deploy. If it comes back, the flash wears.")
    if info.version != patient.version:
        text = f"The node's firmware is {info.version}, and these tools are {patient.version}."
        yield Finding("other_version", text, "binnode deploy brings it up to the tools.")
    elif info.commit != patient.commit:
        text = f"The node's firmware is of commit {info.commit}, and these tools have {patient.commit}."
        yield Finding("other_commit", text, "binnode deploy, if it is to be the same.")
    if checkup.flash and checkup.flash[0] < _UPDATE_BYTES:
        text = f"Only {checkup.flash[0] // 1024} KiB are free on the flash."
        yield Finding("flash_full", text, "An update may not fit beside what is there: remove files of your own.")


def _board(patient: Patient) -> Iterator[Finding]:
    name = patient.checkup.info.board
    if patient.board_chip is None:
        yield Finding("unknown_board", f"These tools know no board {name}.", "Its pins can't be compared.")
    elif patient.chip and patient.chip != patient.board_chip:
        text = f"The chip is an {patient.chip}, and {name} is for an {patient.board_chip}: its pins are others."
        yield Finding("wrong_board", text, "binnode deploy --board NAME, with the name of this board.")
    if patient.checkup.nvs is not True:
        why = patient.checkup.failed.get("nvs", "what was written reads back different")
        text = f"The NVS takes no record ({why}): keys and counters can't be kept, LoRaWAN sends nothing."
        remedy = "Flash it anew (binnode flash, its NVS with it), then provision; if it comes back, the chip is worn."
        yield Finding("nvs", text, remedy)
    if why := patient.checkup.failed.get("radio"):
        text = f"The LoRa radio does not do its work ({why})."
        yield Finding("radio", text, "Is it the right board file? Take the power away and try again; else the board.")
    for part, words in _PARTS.items():
        if why := patient.checkup.failed.get(part):
            yield Finding("not_looked_at", f"The node could not look at {words} ({why}).", "Call binnode doctor again.")


def _config(patient: Patient) -> Iterator[Finding]:
    if problem := patient.settings.problem:
        text = f"{problem.rstrip('.')}. Defaults are in force for that."
        yield Finding("config", text, "Set it right: binnode config set, or binnode calibrate.")
    config, secrets = patient.settings.config, patient.settings.secrets
    ways = {config["transport"], config["fallback"]}
    if "lorawan" in ways and patient.checkup.radio is None and "radio" not in patient.checkup.failed:
        text = "LoRaWAN is set, and this board has no radio for it."
        yield Finding("no_radio", text, "binnode config set transport=wifi fallback=none, or another board.")
    missing = [name for name in ("wifi_ssid", "mqtt_host") if "wifi" in ways and not config[name]]
    if "lorawan" in ways:
        missing += [name for name in _SECRETS[str(config["lora_join"])] if not secrets.get(name)]
        if config["lora_join"] == "abp" and not config["lora_dev_addr"]:
            missing.append("lora_dev_addr")
    if missing:
        remedy = "binnode provision node" if any("lora" in name for name in missing) else "binnode config set NAME=..."
        yield Finding("not_set", f"Not set: {', '.join(missing)}. Nothing can be sent.", f"{remedy} sets it.")
    if config["transport"] == "none":
        yield Finding("reports_nowhere", "transport is none: it measures and reports to nobody.", "")
    if all(config[name] == patient.defaults[name] for name in _CALIBRATION):
        yield Finding("not_calibrated", "The bin's depth is still the default.", "binnode calibrate measures it.")


def _memory(patient: Patient) -> Iterator[Finding]:
    checkup = patient.checkup
    state, why = checkup.state, checkup.no_state
    if why == "empty":
        text = "It has made no wake since its power was connected, or its reset (EN) took the memory with it."
        yield Finding("no_memory", text, "")
    elif why and not checkup.damaged:  # then its mark is there in place of the state's
        text = f"What it remembered is not whole ({why}): readings that waited are lost but for the daily checkpoint."
        yield Finding("memory_lost", text, "It goes on by itself. Again and again: look at the battery's contacts.")
    if state is None:
        return
    if state.safe:
        text = "It is in safe mode after three crashes in a row: hourly, plain reports."
        yield Finding("safe_mode", text, "binnode deploy, then binnode wake; tell us of the crash below.")
    if state.crashes:
        many = f"{state.crashes} wakes in a row" if state.crashes > 1 else "The last wake"
        text = f"{many} crashed{_place(checkup)}."
        yield Finding("crashing", text, "binnode wake shows whether it still does; tell us of it.")
    elif checkup.crash:
        text = f"Some time ago a wake crashed{_place(checkup)}. It has gone well since."
        yield Finding("crashed_once", text, "")
    if state.failures:
        tries = "try" if state.failures == 1 else "tries"
        left_s = state.retry_at_s - checkup.now_s
        then = f"; the next in {max(left_s // 60, 1)} min at the earliest" if 0 < left_s <= 7200 else ""
        text = f"{state.failures} {tries} to report failed; readings that wait: {state.waiting}{then}."
        yield Finding("failing", text, "binnode wake tries at once and says why it fails.")
    meanings = {name: (found, lost) for name, found, lost in RECOVERIES}
    for name in state.recoveries:
        if name == "brown_out":
            text = "The supply broke down in the middle of a wake."
            yield Finding("brown_out", text, "The battery is weak, or its contacts are: change it.")
        else:
            found, lost = meanings.get(name, (name, "unknown"))
            yield Finding("recovered", f"It recovered: {found}.", f"Lost: {lost}.")


def _place(checkup: Checkup) -> str:
    """Where and with what words, as far as NVS has it."""
    if checkup.crash is None:
        return ""
    crash = checkup.crash
    step = STEPS[crash.step] if crash.step < len(STEPS) else "unknown"
    where = f" in {crash.file}, line {crash.line}" if crash.file else ""
    return f"{where} while {step.replace('_', ' ')}: {crash.what}"


def _radio(patient: Patient) -> Iterator[Finding]:
    ways = {patient.settings.config["transport"], patient.settings.config["fallback"]}
    session = patient.checkup.session
    if "lorawan" in ways and patient.checkup.radio and not (session and session.joined):
        yield Finding("not_joined", "It has not joined a LoRaWAN network yet.", "binnode wake has it try now.")


def _senses(patient: Patient) -> Iterator[Finding]:
    reading, config = patient.reading, patient.settings.config
    module = config["module"]
    if reading.kind == "fault":
        remedy = "Look at plug, wires and supply, at module (binnode modules) and at the board's name."
        why = patient.checkup.failed.get("reading")
        text = f"The distance module ({module}) does not answer{f': {why}' if why else ''}."
        yield Finding("module_silent", text, remedy)
    elif reading.kind == "noisy":
        text = f"The pings disagree: {reading.valid} of {reading.pings} agree."
        yield Finding("module_noisy", text, "Does something move, or stick out below the module? Is it tight?")
    elif reading.kind in _SEES:
        text, remedy = _SEES[reading.kind]
        yield Finding("module_sees", f"The distance module {text}.", f"{remedy[0].upper()}{remedy[1:]}.")
    elif 2 * reading.valid < reading.pings:
        text = f"Only {reading.valid} of {reading.pings} pings agree."
        yield Finding("module_unsure", text, "Something may stick out into its way: ribs, a bag, the rim.")
    if reading.battery_mv is not None and reading.battery_mv < int(config["low_battery_mv"]):
        text = f"The battery has {reading.battery_mv / 1000:.2f} V, below low_battery_mv = {config['low_battery_mv']}."
        yield Finding("battery_low", text, "Charge or change it.")
    if config["thermometer"] == "ds18b20" and patient.thermometer_c10 is None:
        text = "The DS18B20 does not answer: the chip's own thermometer takes its place."
        yield Finding("thermometer_silent", text, "Look at its wires and the 4.7 k resistor to 3V3.")
    elif config["thermometer"] == "chip" and (reading.temperature_c10 or 0) > _WARM_C10:
        text = f"The chip's thermometer says {(reading.temperature_c10 or 0) // 10} C: on USB the chip is warm."
        yield Finding("thermometer_warm", text, "If the bin is cooler, distances read too long; see calibrate.md.")


_LOOKS = (_software, _board, _config, _memory, _radio, _senses)
