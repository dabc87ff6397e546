"""What a listener hears before it talks. Loaded where the region asks for it."""


def highest_dbm(radio, hz, bw_khz, sense_ms):
    """The highest power that `radio` has seen on `hz` for `sense_ms`; it stands by then."""
    time, highest = radio.time, -200
    radio.listen_on(hz, bw_khz)
    time.sleep_ms(1)
    radio.power_dbm()  # until it listens, and not yet true
    time.sleep_ms(1)
    begun = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), begun) <= sense_ms:
        highest = max(highest, radio.power_dbm())
    radio.stand()
    return highest
