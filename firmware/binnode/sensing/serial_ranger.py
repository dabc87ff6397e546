"""Driver for the modules that answer in bytes. A UART hears nothing in light sleep, so an answer is awaited awake."""

from micropython import const

# Copies from kinds.py: an import would cost a wake more.
_PING_NO_ECHO = const(-1)
_PING_SILENT = const(-2)

_POLL_MS = const(4)
_KEPT = const(64)  # of what came: more than any frame


class SerialRanger:
    """On a UART. profile: serial_modules.SerialProfile. decode: bytes -> mm, 0 (heard nothing) or None (no answer yet).

    open_port(): makes the UART (read, write, flush, deinit). release(): then takes the lines low, or they would feed
    the module. supply: as in PulseRanger. time: the module. light_sleep_ms: to wait with where the chip may doze.
    """

    def __init__(self, profile, decode, open_port, release, supply, time, light_sleep_ms=None):
        self._profile = profile
        self._decode = decode
        self._open_port = open_port
        self._release = release
        self._supply = supply
        self._time = time
        self._sleep_ms = light_sleep_ms or time.sleep_ms
        self._port = None

    def power_on(self):
        """Switch the module on and wait until it is ready."""
        if self._supply is not None:
            self._supply.value(1)
        self._port = self._open_port()
        if self._supply is not None:
            self._sleep_ms(self._profile.warm_up_ms)

    def power_off(self):
        """Switch the module off, its lines low."""
        if self._port is not None:
            self._close(self._port)
            self._port = None
        self._release()
        if self._supply is not None:
            self._supply.value(0)

    def scale(self, half_speed):
        """What to multiply a ping with for mm, times 2^16; half_speed: sound.half_speed_q16() of the air."""
        own = self._profile.half_speed
        return ((half_speed << 14) // own) << 2 if own else 1 << 16

    def ping(self):
        """The distance in mm by the module's own speed of sound (> 0), or PING_NO_ECHO, PING_SILENT (kinds.py).

        Takes at most quiet_ms + deadline_ms and a moment.
        """
        distance = self._answer(self._profile.ask, self._decode)
        if distance is None:
            return _PING_SILENT
        return distance if 0 < distance < self._profile.nothing_mm else _PING_NO_ECHO

    def gap(self):
        """Wait until the echoes of the last ping have died away."""
        self._sleep_ms(self._profile.gap_ms)

    def _answer(self, ask, decode):
        """What `decode` makes of the answer to `ask`; None without one."""
        profile, time, port = self._profile, self._time, self._port
        try:
            self._ask(port, ask)
            if profile.quiet_ms:
                self._sleep_ms(profile.quiet_ms)
            asked_ms = time.ticks_ms()
            data = b""
            while True:
                more = self._read(port)
                if more:
                    data = (data + more)[-_KEPT:]
                    found = decode(data)
                    if found is not None:
                        return found
                if time.ticks_diff(time.ticks_ms(), asked_ms) >= profile.deadline_ms:
                    return None
                time.sleep_ms(_POLL_MS)
        except OSError:  # nobody at its address of I2C
            return None

    def _ask(self, port, ask):
        port.read()  # what came while nobody waited
        if ask:
            port.write(ask)
            port.flush()  # a light sleep would cut it

    def _read(self, port):
        return port.read()

    def _close(self, port):
        port.deinit()
