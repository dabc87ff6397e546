"""Simulated devices in the form that real servers take: ChirpStack v4 and The Things Stack v3."""

import csv
import io
import json

from binnode_tools.lora_network.devices import Device
from binnode_tools.lora_network.regions import Region

# The Things Stack's frequency plans (TheThingsNetwork/lorawan-frequency-plans).
FREQUENCY_PLANS = {
    "EU868": "EU_863_870_TTN",
    "US915": "US_902_928_FSB_{}",  # with the sub-band
    "AU915": "AU_915_928_FSB_{}",
    "AS923-1": "AS_923",
    "AS923-2": "AS_923_2",
    "AS923-3": "AS_923_3",
    "AS923-4": "AS_923_4",
    "AS923-JP": "AS_920_923_LBT",
    "KR920": "KR_920_923_TTN",
    "IN865": "IN_865_867",
}
_MAC, _PHY = "MAC_V1_0_4", "RP002_V1_0_3"


def files(devices: list[Device], region: Region, sub_band: int = 2) -> dict[str, str]:
    """name -> text of all forms. They hold keys: keep them from others' eyes."""
    return {
        "things-stack.csv": things_stack_csv(devices, region, sub_band),
        "things-stack.json": things_stack_json(devices, region, sub_band),
        "chirpstack.json": chirpstack_json(devices, "APPLICATION_ID", "DEVICE_PROFILE_ID"),
    }


def frequency_plan(region: Region, sub_band: int = 2) -> str:
    """The Things Stack's name for it."""
    return FREQUENCY_PLANS[region.name].format(sub_band)


def things_stack_json(devices: list[Device], region: Region, sub_band: int = 2) -> str:
    """A stream of objects: Console, "Import end devices", format "The Things Stack JSON"; or ttn-lw-cli."""
    objects = []
    for device in devices:
        described = {
            "ids": {
                "device_id": _id(device),
                "dev_eui": device.dev_eui.hex().upper(),
                "join_eui": device.join_eui.hex().upper(),
            },
            "name": device.name,
            "lorawan_version": _MAC,
            "lorawan_phy_version": _PHY,
            "frequency_plan_id": frequency_plan(region, sub_band),
            "supports_join": device.app_key is not None,
        }
        if device.app_key:
            described["root_keys"] = {"app_key": {"key": device.app_key.hex().upper()}}
        elif device.session:
            described["session"] = {
                "dev_addr": f"{device.session.dev_addr:08X}",
                "keys": {
                    "f_nwk_s_int_key": {"key": device.session.nwk_s_key.hex().upper()},
                    "app_s_key": {"key": device.session.app_s_key.hex().upper()},
                },
            }
        objects.append(json.dumps(described, indent=2))
    return "\n".join(objects) + "\n"


def things_stack_csv(devices: list[Device], region: Region, sub_band: int = 2) -> str:
    """Console, "Import end devices", format "The Things Stack CSV": semicolons and a header. OTAA devices only."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    columns = ["id", "dev_eui", "join_eui", "name", "lorawan_version", "lorawan_phy_version", "frequency_plan_id"]
    writer.writerow([*columns, "app_key", "supports_join"])
    for device in devices:
        if device.app_key:
            euis = [device.dev_eui.hex().upper(), device.join_eui.hex().upper()]
            plan = frequency_plan(region, sub_band)
            writer.writerow([_id(device), *euis, device.name, _MAC, _PHY, plan, device.app_key.hex().upper(), "true"])
    return text.getvalue()


def chirpstack_json(devices: list[Device], application_id: str, device_profile_id: str) -> str:
    """Bodies for ChirpStack's REST API, a pair for each device: POST /api/devices, then .../devices/{devEui}/keys.

    A LoRaWAN 1.0 device's AppKey belongs into `nwkKey` there; `appKey` is for 1.1.
    """
    pairs = []
    for device in devices:
        dev_eui = device.dev_eui.hex()
        pair: dict = {
            "device": {
                "devEui": dev_eui,
                "joinEui": device.join_eui.hex(),
                "name": device.name,
                "applicationId": application_id,
                "deviceProfileId": device_profile_id,
            }
        }
        if device.app_key:
            pair["deviceKeys"] = {"devEui": dev_eui, "nwkKey": device.app_key.hex()}
        elif device.session:
            key = device.session.nwk_s_key.hex()
            pair["deviceActivation"] = {
                "devEui": dev_eui,
                "devAddr": f"{device.session.dev_addr:08x}",
                "appSKey": device.session.app_s_key.hex(),
                "nwkSEncKey": key,
                "sNwkSIntKey": key,
                "fNwkSIntKey": key,
            }
        pairs.append(pair)
    return json.dumps(pairs, indent=2) + "\n"


def _id(device: Device) -> str:
    return f"eui-{device.dev_eui.hex()}"
