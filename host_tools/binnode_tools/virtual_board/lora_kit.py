"""The LoRaWAN side of a virtual node: its keys, its place in the air, its entry at the embedded network server."""

from hashlib import sha256

from binnode_tools.lora_network.devices import Device
from binnode_tools.lora_network.setup import Network
from binnode_tools.virtual_board.chip import Chip

ANTENNA_DBI = 2  # a quarter-wave whip, and what the node's config says of it
JOIN_EUI = bytes.fromhex("70b3d57ed0000001")


def device_of(name: str, seed: str) -> Device:
    """A device with keys of its own, the same in each run."""
    secret = sha256(f"{seed} {name}".encode()).digest()
    return Device(name, b"\x02\x00\x5e\xff\xfe" + secret[16:19], JOIN_EUI, secret[:16])


def config_of(device: Device, region: str, sub_band: int) -> dict:
    """What config.json holds of it; the key goes to NVS."""
    return {
        "transport": "lorawan",
        "lora_region": region,
        "lora_sub_band": sub_band,
        "lora_join_eui": device.join_eui.hex(),
        "lora_dev_eui": device.dev_eui.hex(),
        "lora_antenna_dbi": ANTENNA_DBI,
    }


def attach(chip: Chip, network: Network, device: Device) -> None:
    """Put the chip's radio into the air, its keys into NVS, and the device into the server's list."""
    if chip.radio is None:
        raise ValueError(f"the board {chip.board.name} has no LoRa radio")
    chip.radio.attach(network.air, device.name, ANTENNA_DBI)
    assert device.app_key is not None
    chip.nvs.provision("binnode", "lora_app_key", device.app_key.hex().encode())
    network.server.add(device)


def enrol(chip: Chip, network: Network) -> None:
    """Take the chip's key away, as after flashing, and let the server know each device that asks to join by the key
    which the chip has then: as if somebody imported what `binnode provision` exports."""
    chip.nvs.erase("binnode", "lora_app_key")
    chip.nvs.commit("binnode")
    server = network.server
    server.devices.clear()

    def on_request(dev_eui: bytes, join_eui: bytes) -> None:
        key = chip.nvs.get("binnode", "lora_app_key", bytes)
        if isinstance(key, bytes) and not any(one.dev_eui == dev_eui for one in server.devices):
            server.add(Device(dev_eui.hex(), dev_eui, join_eui, bytes.fromhex(key.decode())))

    server.on_join_request = on_request
