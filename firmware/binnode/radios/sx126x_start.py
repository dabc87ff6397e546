"""The SX1262's cold start: reset, calibration, settings. Loaded when the chip has lost them."""

from binnode.radios import RadioError
from binnode.radios.sx126x import SYNC

_SETTINGS = (
    b"\x96\1",  # DC-DC
    b"\x8a\1",  # LoRa
    b"\x8f\0\0",  # frames out and in begin at 0
    b"\x08\2\x73\2\x63\0\0\0\0",  # flags; DIO1 rises with those that end something
    b"\x0d\x08\xac\x96",  # gain: 2 dB for 0.7 mA
    b"\x0d\2\x9f\4\x08\xac\x08\x89\7\x36\x08\xd8",  # 4 registers that warm sleep would not keep
    b"\x0d\7\x40" + SYNC,  # the last: it says that all is set
)


def start(radio, hz):
    """Reset, and ready for work near `hz`. RadioError: no chip answers, or it does not calibrate."""
    radio.restart()
    radio.stand()
    if radio.read(0x0740, 2) != b"\x14\x24":  # its value after a reset
        raise RadioError("no radio")
    radio.oscillator()
    radio.command(0x07, 0, 0)  # a TCXO is not there at the chip's own start: no error
    radio.command(0x89, 0x7F)  # calibrate everything
    radio.command(0x98, *(b"\xd7\xdb" if hz < 900000000 else b"\xe1\xe9"))  # and images at 863..870 or 902..928 MHz
    errors = radio.get(0x17, 2)
    if errors[0] & 1 or errors[1] & 0x7F:
        raise RadioError("radio calibration %02x%02x" % (errors[0], errors[1]))
    radio.set_bits(0x08D8, 0, 0x1E)  # 15.2: else the amplifier gives way to a mismatched antenna too early
    radio.command(0x9D, radio.settings.get("dio2_rf_switch", 0))
    for data in _SETTINGS:
        radio.send(data)
