"""What a network server orders from a gateway, as PROTOCOL.TXT has it."""

import base64


def a_txpk(gateway, at_us, data, **how):
    """`data` on 868.1 MHz at SF7, at the world's time at_us; `how` changes fields."""
    return {
        "imme": False,
        "tmst": gateway.tmst(at_us),
        "freq": 868.1,
        "rfch": 0,
        "powe": 14,
        "modu": "LORA",
        "datr": "SF7BW125",
        "codr": "4/5",
        "ipol": True,
        "ncrc": True,
        "size": len(data),
        "data": base64.b64encode(data).decode(),
        **how,
    }
