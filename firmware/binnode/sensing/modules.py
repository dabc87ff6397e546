"""Distance modules driven by trigger and echo: what each needs and can do. The others are in serial_modules.py."""

from collections import namedtuple

# trigger_us    length of the trigger pulse
# blind_mm      nearest distance to believe
# range_mm      farthest distance to believe
# echo_timeout_us  a pulse as long as this is no echo: it ends the wait, for the pulse's start as for its end
# gap_ms        silence between the end of one ping and the next, for the last echoes to die away
# warm_up_ms    from supply on to the first ping
# beam_deg      full opening angle
# missing_pulse True: a missing echo is a long pulse, so no pulse at all is a broken module;
#               False: a missing echo gives no pulse
Profile = namedtuple("Profile", "trigger_us blind_mm range_mm echo_timeout_us gap_ms warm_up_ms beam_deg missing_pulse")

# HC-SR04: Elecfreaks data sheet (10 us trigger, 2..400 cm, 15 degrees, measuring cycle over 60 ms); 20 us because some
# clones need it. 4 m take 26.1 ms at -40 C, and the pulse for a missing echo 36 ms or more
# (SRF04: 36, HC-SR04: 38, clones: up to 200 and for ever), so 30 ms tell the two apart.
# JSN-SR04T v3, AJ-SR04M in pulse mode: makers' sheets (20 us trigger, blind below 20..25 cm, 450..600 cm, up to 75
# degrees, 40..60 ms pulse for a missing echo). AJ-SR04M raises its line 12 ms after the trigger. 6 m take 36.2 ms
# at 0 C, so an echo from the last 15 cm of the range may be lost in frost.
# No sheet gives a warm-up time: these are for the supply to settle, and for the modules' own processor to start.
_HC = (20, 20, 4000, 30000, 60, 100, 15, True)
_WATERPROOF = (20, 250, 6000, 37000, 60, 200, 75, True)

_MODULES = {"hcsr04": _HC, "hcsr04p": _HC, "jsn_sr04t": _WATERPROOF, "aj_sr04m": _WATERPROOF}


def profile(name):
    """The Profile of module `name`, or its SerialProfile; ValueError names the modules there are."""
    if name in _MODULES:
        return Profile(*_MODULES[name])
    from binnode.sensing import serial_modules

    return serial_modules.profile(name, _MODULES)
