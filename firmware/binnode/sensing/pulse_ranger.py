"""Driver for the modules that are triggered by one pin and answer with a pulse as long as the sound travelled."""

from micropython import const

# Copies from kinds.py: an import would cost a wake more.
_PING_NO_ECHO = const(-1)
_PING_SILENT = const(-2)
_PING_STUCK = const(-3)

# After a missing echo the line falls within 60 ms, on clones within 200; some hold it high until their supply is cut.
_FALL_MS = const(200)
_POLL_MS = const(5)
_OFF_MS = const(100)


class PulseRanger:
    """trigger, supply: output pins; echo: input pin; all with value(). supply switches the module on with 1
    (a Signal turns it round); None when the module is always on.

    profile: modules.Profile. time: the module, for sleep_us and sleep_ms. time_pulse_us: machine's.
    light_sleep_ms: what to wait with instead of time.sleep_ms where the chip may doze.
    """

    def __init__(self, trigger, echo, supply, profile, time, time_pulse_us, light_sleep_ms=None):
        self._trigger = trigger
        self._echo = echo
        self._supply = supply
        self._profile = profile
        self._sleep_us = time.sleep_us
        self._sleep_ms = light_sleep_ms or time.sleep_ms
        self._time_pulse_us = time_pulse_us
        self._may_fall = True  # False once nothing made the echo line fall: don't wait for it again

    def power_on(self):
        """Switch the module on and wait until it is ready."""
        self._trigger.value(0)
        if self._supply is not None:
            self._supply.value(1)
            self._sleep_ms(self._profile.warm_up_ms)

    def power_off(self):
        """Switch the module off, the trigger low so that it is not fed through that pin."""
        self._trigger.value(0)
        if self._supply is not None:
            self._supply.value(0)

    def ping(self):
        """Length of the echo pulse in us (> 0), or PING_NO_ECHO, PING_SILENT, PING_STUCK (kinds.py).

        Takes at most twice the profile's echo_timeout_us, and 0.3 s + warm-up more to free a line that stays high.
        """
        if self._echo.value():
            if self._may_fall:
                self._free_echo_line()
            return _PING_STUCK
        profile = self._profile
        self._trigger.value(1)
        self._sleep_us(profile.trigger_us)
        self._trigger.value(0)
        echo_us = self._time_pulse_us(self._echo, 1, profile.echo_timeout_us)
        if 0 < echo_us < profile.echo_timeout_us:
            return echo_us
        if echo_us == _PING_SILENT and profile.missing_pulse:
            return _PING_SILENT
        self._free_echo_line()
        return _PING_NO_ECHO

    def gap(self):
        """Wait until the echoes of the last ping have died away."""
        self._sleep_ms(self._profile.gap_ms)

    def _free_echo_line(self):
        """Wait for the end of the pulse, and cut the supply when it has none."""
        for _ in range(_FALL_MS // _POLL_MS):
            if not self._echo.value():
                return
            self._sleep_ms(_POLL_MS)
        if self._supply is not None:
            self.power_off()
            self._sleep_ms(_OFF_MS)
            self.power_on()
        self._may_fall = not self._echo.value()
