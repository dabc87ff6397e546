"""One wake, top to bottom: wake, measure, decide, report, sleep."""

import binascii
import gc
import json

from micropython import const

from binnode import forget, make_room
from binnode.board import Board
from binnode.reporting import policy
from binnode.storage import state as memory

_BOTTOM_MARGIN_MM = const(30)  # and 2 %: an uneven bottom, and air some degrees off
_FALLBACK_S = const(3600)
_DAY_S = const(86400)
_WAKE_BUDGET_MS = const(25000)  # for all but the radio, which has its own; the watchdog is never fed
_COLLECT_EVERY = const(32768)  # bytes: or garbage lies between what stays, and no large piece is ever free
_DEEP_SLEEP = const(4)  # machine.DEEPSLEEP_RESET
_LAST_WORDS_MS = const(300)  # before a USB port goes away
_OK = const(0)  # copies from sensing/kinds.py and storage/state.py
_STARTING = const(1)
_MEASURING = const(2)
_REPORTING = const(3)


class Status:
    """What a report says of this wake. None is unknown."""

    def __init__(self, reading, fill_permille, battery_mv, temperature_c10):
        self.reason = self.flags = 0
        self.kind, self.distance_mm, self.valid = reading.kind, reading.distance_mm, reading.valid
        self.fill_permille = fill_permille
        self.battery_mv, self.temperature_c10 = battery_mv, temperature_c10


def run(visited=False):
    """A wake that ends in deep sleep, whatever happens in it. Crashes go to crash.py, what was mended to recover.py.
    `visited`: somebody may read what it prints."""
    gc.threshold(_COLLECT_EVERY)
    board = Board()
    started_ms = board.time.ticks_ms()
    sleep_s = _FALLBACK_S
    state = None
    try:
        state, mended = begin(board)
        config, problem = settings(board, state)
        board.watchdog(_WAKE_BUDGET_MS + radio_budget_ms(config))
        if state.safe:
            from binnode import safe

            said = safe.turn(board, config, state, mended or problem)
        else:
            sleep_s = config["measure_s"]
            said = wake(board, config, state, mended or problem)
        sleep_s = _FALLBACK_S if state.safe else config["measure_s"]
        state.step = 0
        board.remember(state.pack())
        print(said)
    except KeyboardInterrupt:
        from binnode.crash import visited

        visited(board, state)
        raise
    except Exception as error:
        print("binnode: wake failed; next one in %d s" % sleep_s)
        # Memory may be what the wake lacked: let go of what may be loaded again.
        forget("sensing", "wifi", "lorawan", "radios")
        from binnode.crash import ended

        ended(board, state, error)
    if visited:
        board.time.sleep_ms(_LAST_WORDS_MS)
    awake_ms = board.time.ticks_diff(board.time.ticks_ms(), started_ms)
    board.deep_sleep(max(1000, sleep_s * 1000 - awake_ms))


def radio_budget_ms(config):
    """The longest time that reporting may take."""
    if "lorawan" in (config["transport"], config["fallback"]):
        return max(config["wifi_budget_ms"], config["lora_budget_ms"])
    return config["wifi_budget_ms"]


def begin(board):
    """(State, what was mended or None). From here to the end of run() RTC memory says that a wake is under way."""
    image = board.recall()
    cause = board.reset_cause()
    state = mended = None
    if cause == _DEEP_SLEEP:
        try:
            state = memory.unpack(image)
        except memory.StateError:
            pass
    if not state or state.step:
        from binnode import recover

        state, mended = recover.begin(board, image, cause)
    state.wakes += 1
    state.step = _MEASURING
    board.remember(state.pack())
    state.step = _STARTING
    return state, mended


def settings(board, state):
    """(config, what is wrong with its file or None). A file that an earlier wake found in order is only read."""
    content = board.read_bytes("config.json")
    crc = binascii.crc32(content or b"")
    if not crc or crc != state.config_crc:
        from binnode import config

        return config.settings(state, content)
    state.told = 0  # of what was wrong with a file, nothing holds
    fields = json.loads(content)
    if state.config_partial:
        from binnode.config_defaults import DEFAULTS

        fields = dict(DEFAULTS, **fields)
    return fields, None


def wake(board, config, state, problem):
    """Measure, decide, report if there is reason to, remember. The console's line about it."""
    reading, temperature_c10 = measured(board, config, state)
    fill_permille = None
    if reading.kind == _OK:
        from binnode.sensing.shape import fill_permille as filled

        fill_permille = filled(config, reading.distance_mm)
    battery_mv = board.battery_mv()
    if battery_mv is not None:
        from binnode.sensing.battery import is_low

        state.low_battery = is_low(battery_mv, config["low_battery_mv"], state.low_battery)
    status = Status(reading, fill_permille, battery_mv, temperature_c10)
    now_s = board.time.time()
    policy.observe(state, reading.kind, fill_permille, reading.distance_mm, config, now_s)
    jitter_s = policy.jitter_s(board.device_id, state.reports, config["heartbeat_s"])
    why = policy.reason(state, reading.kind, fill_permille, config, now_s, jitter_s)
    result = None
    if why and config["transport"] != "none":
        result = "waits"
        if policy.may_try(state, now_s):
            result = report(board, config, state, status, why, now_s)
    checkpoint_if_due(board, state)
    # A crash in reporting is not over before a report was tried again.
    tried = result not in (None, "waits")
    if state.crashes and not state.crashed and (tried or state.crash_step != _REPORTING):
        state.crashes = 0
        if state.safe:
            state.safe, state.diagnose = False, True
    return line(state, status, why, result, problem, config["measure_s"])


def measured(board, config, state):
    """measure(); whatever goes wrong in it, the node can still report: a reading of kind FAULT then."""
    state.step = _MEASURING
    try:
        return measure(board, config, state.last_distance_mm)
    except Exception as error:
        from binnode import crash, safe

        crash.failed(board, state, error, board.time.time())
        return safe.Nothing(), None
    finally:
        state.step = _STARTING


def checkpoint_if_due(board, state):
    """Copy the readings that wait to NVS, once a day."""
    now_s = board.time.time()
    if len(state.backlog) and not 0 <= now_s - state.checkpoint_at_s < _DAY_S:
        from binnode.storage import checkpoint

        checkpoint.keep(board, state, now_s)


def measure(board, config, last_mm):
    """(Reading, air temperature in tenths of a degree C or None)."""
    from binnode.sensing import echo_filter
    from binnode.sensing.modules import profile
    from binnode.sensing.sound import half_speed_q16

    module = profile(config["module"])
    ranger = board.ranger(module)
    thermometer = board.ds18b20() if config["thermometer"] == "ds18b20" else None
    if thermometer:
        thermometer.start()
    ranger.power_on()
    try:
        temperature_c10 = thermometer.read_c10() if thermometer else None
        if temperature_c10 is None and hasattr(ranger, "temperature_c10"):
            temperature_c10 = ranger.temperature_c10()
        if temperature_c10 is None:
            temperature_c10 = board.chip_temperature_c10() + config["thermometer_offset_c10"]
        change_mm = (config["empty_mm"] - config["full_mm"]) * config["emptied_permille"] // 1000
        gate = (module.blind_mm, config["empty_mm"] + config["empty_mm"] // 50 + _BOTTOM_MARGIN_MM, module.range_mm)
        scale = half_speed_q16(temperature_c10)
        if hasattr(ranger, "scale"):  # its pings are mm already
            scale = ranger.scale(scale)
        reading = echo_filter.measure(ranger, scale, gate, last_mm, change_mm)
    finally:
        ranger.power_off()
    return reading, temperature_c10


def report(board, config, state, status, why, now_s):
    """Deliver this reading and those that wait. "sent", or what went wrong; nothing is lost by it."""
    make_room()  # now, and not when memory is full and in pieces
    from binnode.reporting import ways

    first = state.first
    if first:
        from binnode.storage import first_try

        first_try.begins(board, state)
    policy.trying(state, config, now_s)
    state.step = _REPORTING
    board.remember(state.pack())  # a brown-out in the middle of it counts as a failure too
    link = ways.link(board, config, state, now_s)
    try:
        link.open()
        from binnode.reporting import payload  # now: opening may have taken much room

        now_s = board.time.time()  # TLS may have set the clock
        while why:
            earlier = policy.earlier(state, payload.fits(link.room), board.time.time())
            status.reason, status.flags = why, payload.flags(state, status.kind)
            link.deliver(payload.encode(status, earlier, link.room), status)
            if link.heard and link.way == config["transport"]:
                state.answered_at_s = now_s
            why = policy.delivered(state, status.kind, status.fill_permille, len(earlier), now_s)
            if why:
                policy.trying(state, config, now_s)
            board.remember(state.pack())  # what was delivered is not delivered again, whatever comes
        if state.diagnose:
            from binnode.reporting import diagnostics

            diagnostics.deliver(link, board, state)
    except link.errors as error:
        return "failed: %s" % error
    finally:
        ways.ended(link, board, state, first)
    state.step = _STARTING
    return "sent"


def line(state, status, why, result, problem, sleep_s):
    """The console's one line. No secret is ever in it."""
    kind, reason = "ok", "none"
    if status.kind != _OK:
        from binnode.sensing.kinds import NAMES

        kind = NAMES[status.kind]
    if why:
        from binnode.reporting.reasons import NAMES

        reason = NAMES[why]
    fill = "--.-" if status.fill_permille is None else "%d.%d" % (status.fill_permille // 10, status.fill_permille % 10)
    return "binnode: wake %d, %s %%, %s, %s mm, %s: %s, %d waiting%s; sleeps %d s" % (
        state.wakes,
        fill,
        kind,
        "-" if status.distance_mm is None else status.distance_mm,
        reason,
        result or "nothing to report",
        len(state.backlog),
        "; " + problem if problem else "",
        sleep_s,
    )
