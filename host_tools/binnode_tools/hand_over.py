"""What provisioning leaves behind: files for LoRaWAN servers, with the keys, and labels, without them."""

from collections.abc import Callable
from pathlib import Path

from binnode_tools import labels
from binnode_tools.lora_network import registration
from binnode_tools.lora_network.devices import Device
from binnode_tools.lora_network.regions import REGIONS
from binnode_tools.private_files import private_folder, write_private
from binnode_tools.provisioning import APP_KEY, FIXED_PLANS, SUB_BAND, Entry

APPLICATION_ID, PROFILE_ID = "APPLICATION_ID", "DEVICE_PROFILE_ID"  # to be replaced, as the guide says


def known(entries: list[Entry]) -> list[Entry]:
    """Those that a LoRaWAN server can be told: with a DevEUI and an AppKey."""
    return [entry for entry in entries if entry.lorawan and entry.dev_eui and entry.secrets.get(APP_KEY)]


def export(
    entries: list[Entry],
    folder: Path,
    say: Callable[[str], None],
    application_id: str = APPLICATION_ID,
    device_profile_id: str = PROFILE_ID,
) -> list[Path]:
    """Files for ChirpStack and The Things Stack, for their owner's eyes alone; one set for each region and sub-band.

    `say` is told what The Things Stack has no name for. Raises OSError.
    """
    groups: dict[tuple[str, int], list[Device]] = {}
    for entry in known(entries):
        region = str(entry.config["lora_region"])
        band = int(entry.config.get("lora_sub_band", SUB_BAND)) if region in FIXED_PLANS else 0
        groups.setdefault((region, band), []).append(
            Device(
                entry.name,
                bytes.fromhex(entry.dev_eui),
                bytes.fromhex(entry.join_eui),
                bytes.fromhex(entry.secrets[APP_KEY]),
            )
        )
    written = []
    private_folder(folder)
    for (name, band), devices in sorted(groups.items()):
        end = f"-{name}" + (f"-{band}" if band else "")
        texts = {f"chirpstack{end}.json": registration.chirpstack_json(devices, application_id, device_profile_id)}
        if name not in REGIONS or name not in registration.FREQUENCY_PLANS or (name in FIXED_PLANS and not band):
            say(
                f"{name}{', all sub-bands' if name in FIXED_PLANS else ''}: no file for The Things Stack, which has no "
                "frequency plan of that kind"
            )
        else:
            plan = REGIONS[name], band or SUB_BAND
            texts[f"things-stack{end}.csv"] = registration.things_stack_csv(devices, *plan)
            texts[f"things-stack{end}.json"] = registration.things_stack_json(devices, *plan)
        for file, text in texts.items():
            write_private(folder / file, text)
            written.append(folder / file)
    return written


def label(entries: list[Entry], folder: Path) -> list[Path]:
    """A label each as DEVEUI.svg and .png, and sheets of them: labels.html for printing, labels-1.png ... OSError."""
    chosen = known(entries)
    if not chosen:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    contents: dict[str, bytes] = {}
    for entry in chosen:
        contents[f"{entry.dev_eui}.svg"] = labels.svg(entry).encode()
        contents[f"{entry.dev_eui}.png"] = labels.png(entry)
    contents["labels.html"] = labels.sheets_html(chosen).encode()
    for number, sheet in enumerate(labels.sheets_png(chosen), 1):
        contents[f"labels-{number}.png"] = sheet
    for file, content in contents.items():
        (folder / file).write_bytes(content)
    return [folder / file for file in contents]
