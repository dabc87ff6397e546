"""PulseRanger over a module with scripted answers and a clock of its own."""

from binnode.sensing.kinds import PING_NO_ECHO, PING_SILENT, PING_STUCK
from binnode.sensing.modules import Profile, profile
from binnode.sensing.pulse_ranger import PulseRanger
from check import raises

FOR_EVER = 1 << 40
SILENT = None


class Clock:
    def __init__(self):
        self.now_us = 0

    def sleep_us(self, us):
        self.now_us += us

    def sleep_ms(self, ms):
        self.now_us += 1000 * ms


class Module:
    """Answers each trigger with the next pulse of `pulses` (us, or SILENT), 450 us after the trigger fell."""

    def __init__(self, clock, pulses, stuck=False):
        self.clock = clock
        self.pulses = list(pulses)
        self.rise_us = 0 if stuck else FOR_EVER
        self.fall_us = FOR_EVER
        self.triggers = []
        self.shorted = False

    def level(self):
        return int(self.shorted or self.rise_us <= self.clock.now_us < self.fall_us)

    def time_pulse_us(self, pin, level, timeout_us):
        """As in extmod/machine_pulse.c: the timeout counts for the wait and for the pulse."""
        assert level == 1
        start = self.clock.now_us
        if not pin.value():
            if self.rise_us - start > timeout_us:
                self.clock.now_us += timeout_us
                return -2
            self.clock.now_us = start = self.rise_us
        if self.fall_us - start > timeout_us:
            self.clock.now_us += timeout_us
            return -1
        self.clock.now_us = self.fall_us
        return self.fall_us - start


class Echo:
    def __init__(self, module):
        self.module = module

    def value(self):
        return self.module.level()


class Trigger:
    def __init__(self, module):
        self.module = module
        self.high_us = None

    def value(self, level):
        module = self.module
        if level:
            self.high_us = module.clock.now_us
        elif self.high_us is not None:
            module.triggers.append(module.clock.now_us - self.high_us)
            self.high_us = None
            pulse = module.pulses.pop(0)
            module.rise_us = FOR_EVER if pulse is SILENT else module.clock.now_us + 450
            module.fall_us = FOR_EVER if pulse in (SILENT, FOR_EVER) else module.rise_us + pulse


class Supply:
    """Cutting the supply ends a pulse."""

    def __init__(self, module):
        self.module = module
        self.log = []

    def value(self, level):
        self.log.append((level, self.module.clock.now_us))
        if not level:
            self.module.rise_us = self.module.fall_us = FOR_EVER


def make(pulses, name="hcsr04", stuck=False, switched=True, light_sleep_ms=None):
    clock = Clock()
    module = Module(clock, pulses, stuck)
    supply = Supply(module) if switched else None
    traits = profile(name) if isinstance(name, str) else name
    ranger = PulseRanger(Trigger(module), Echo(module), supply, traits, clock, module.time_pulse_us, light_sleep_ms)
    return ranger, module, supply, clock


def test_an_echo_is_its_pulse():
    ranger, module, _, _ = make([5831, 117, 23300])
    pings = []
    for _ in range(3):
        pings.append(ranger.ping())
        ranger.gap()
    assert pings == [5831, 117, 23300]
    assert module.triggers == [20, 20, 20]


def test_power_on_waits_for_the_module():
    ranger, _, supply, clock = make([])
    ranger.power_on()
    assert supply.log == [(1, 0)]
    assert clock.now_us == 1000 * profile("hcsr04").warm_up_ms
    ranger.power_off()
    assert [level for level, _ in supply.log] == [1, 0]


def test_a_module_that_is_always_on_needs_no_waiting():
    ranger, _, _, clock = make([5831], switched=False)
    ranger.power_on()
    assert clock.now_us == 0
    assert ranger.ping() == 5831
    ranger.power_off()


def test_the_gap_between_pings_is_at_least_60_ms():
    for name in ("hcsr04", "hcsr04p", "jsn_sr04t", "aj_sr04m"):
        ranger, _, _, clock = make([], name)
        ranger.gap()
        assert clock.now_us >= 60000


def test_long_waits_doze_when_they_may():
    dozed = []
    ranger, _, _, clock = make([], light_sleep_ms=dozed.append)
    ranger.power_on()
    ranger.gap()
    assert dozed == [100, 60]
    assert clock.now_us == 0


def test_the_pulse_of_a_missing_echo_is_no_echo():
    # 38 ms: HC-SR04; 60 ms: some of its kind; 200 ms: clones. 23.3 ms would be 4 m.
    for pulse_us in (38000, 60000, 195000):
        ranger, module, supply, clock = make([pulse_us, 5831])
        assert ranger.ping() == PING_NO_ECHO
        assert module.level() == 0
        assert pulse_us <= clock.now_us < pulse_us + 6000  # no busy waiting beyond the pulse
        ranger.gap()
        assert ranger.ping() == 5831
        assert supply.log == []


def test_an_echo_from_beyond_the_range_is_left_to_the_filter():
    ranger, _, _, _ = make([29000])
    assert ranger.ping() == 29000


def test_the_waterproof_modules_see_farther():
    ranger, _, _, _ = make([36300, 40000], "jsn_sr04t")  # 6 m at 0 C; the pulse of a missing echo
    assert ranger.ping() == 36300
    ranger.gap()
    assert ranger.ping() == PING_NO_ECHO


def test_a_pulse_of_no_length_is_no_echo():
    ranger, _, _, _ = make([0])
    assert ranger.ping() == PING_NO_ECHO


def test_silence_is_its_own_result():
    ranger, _, _, clock = make([SILENT, 5831])
    assert ranger.ping() == PING_SILENT
    assert clock.now_us <= 31000
    assert ranger.ping() == 5831


def test_silence_of_a_module_that_has_no_pulse_for_a_missing_echo():
    ranger, _, _, _ = make([SILENT], Profile(20, 20, 4000, 30000, 60, 100, 15, False))
    assert ranger.ping() == PING_NO_ECHO


def test_an_endless_pulse_is_ended_by_the_supply():
    ranger, _, supply, clock = make([FOR_EVER, 5831])
    assert ranger.ping() == PING_NO_ECHO
    assert [level for level, _ in supply.log] == [0, 1]
    assert supply.log[1][1] - supply.log[0][1] >= 100000
    assert clock.now_us - supply.log[1][1] == 100000  # warmed up again
    assert clock.now_us < 500000
    assert ranger.ping() == 5831


def test_a_line_that_is_high_before_the_trigger_is_stuck():
    ranger, module, _, _ = make([5831], stuck=True)
    assert ranger.ping() == PING_STUCK
    assert module.triggers == []
    assert ranger.ping() == 5831


def test_a_pulse_that_still_runs_is_stuck_and_then_over():
    ranger, module, supply, _ = make([5831], stuck=True)
    module.fall_us = 90000
    assert ranger.ping() == PING_STUCK
    assert ranger.ping() == 5831
    assert supply.log == []


def test_a_shorted_line_costs_its_wait_once():
    for switched in (True, False):
        ranger, module, _, clock = make([5831], switched=switched)
        module.shorted = True
        assert ranger.ping() == PING_STUCK
        assert clock.now_us <= 400000
        before = clock.now_us
        for _ in range(14):
            assert ranger.ping() == PING_STUCK
        assert clock.now_us == before
        module.shorted = False
        assert ranger.ping() == 5831


def test_profiles():
    for name in ("hcsr04", "hcsr04p", "jsn_sr04t", "aj_sr04m"):
        p = profile(name)
        assert p.trigger_us >= 10
        # An echo from the end of the range ends before the timeout (at 0 C), the pulse of a missing echo after it.
        assert p.range_mm * 2000 // 331 < p.echo_timeout_us < 38000
        assert p.gap_ms >= 60
        assert p.missing_pulse is True
    assert (profile("hcsr04p").blind_mm, profile("hcsr04p").range_mm, profile("hcsr04p").beam_deg) == (20, 4000, 15)
    assert (profile("aj_sr04m").blind_mm, profile("jsn_sr04t").range_mm) == (250, 6000)


def test_an_unknown_module_is_told_what_would_work():
    message = raises(ValueError, profile, "hcsr05").args[0]
    assert message.startswith("module: hcsr05 is not one of a01nyub, ") and "hcsr04, hcsr04p, jsn_sr04t, " in message
