"""One wake, top to bottom: wake, measure, decide, report, sleep."""

from binnode import config as configuration
from binnode.board import Board, read_text
from binnode.reporting import policy
from binnode.sensing import kinds
from binnode.storage import state as memory

_BOTTOM_MARGIN_MM = 30  # and 2 %: an uneven bottom, and air some degrees off
_FALLBACK_S = 3600


class Status:
    """What a report says of this wake. None is unknown."""

    def __init__(self, reading, fill_permille, battery_mv, temperature_c10):
        self.reason = self.flags = 0
        self.kind, self.distance_mm, self.valid = reading.kind, reading.distance_mm, reading.valid
        self.fill_permille = fill_permille
        self.battery_mv, self.temperature_c10 = battery_mv, temperature_c10


def run():
    """A wake that ends in deep sleep, whatever happens in it."""
    board = Board()
    started_ms = board.time.ticks_ms()
    sleep_s = _FALLBACK_S
    try:
        config, problem = configuration.load(read_text("config.json"))
        sleep_s = config["measure_s"]
        print(wake(board, config, problem))
    except Exception as error:
        import sys

        print("binnode: this wake failed; the next is in %d s" % sleep_s)
        sys.print_exception(error)
    awake_ms = board.time.ticks_diff(board.time.ticks_ms(), started_ms)
    board.deep_sleep(max(1000, sleep_s * 1000 - awake_ms))


def wake(board, config, problem):
    """Measure, decide, report if there is reason to, remember. The console's line about it."""
    state, loss = recall(board)
    state.wakes += 1
    reading, temperature_c10 = measure(board, config, state.last_distance_mm)
    fill_permille = None
    if reading.kind == kinds.OK:
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
    board.remember(state.pack())
    return line(state, status, why, result, loss or problem, config["measure_s"])


def recall(board):
    """(State, None), or (a new State, why) when RTC memory holds none. Power-on is no loss."""
    try:
        return memory.unpack(board.recall()), None
    except memory.StateError as error:
        why = error.args[0]
        return memory.State(), None if why == "empty" else "RTC memory was lost (%s)" % why


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
        if temperature_c10 is None:
            temperature_c10 = board.chip_temperature_c10() + config["thermometer_offset_c10"]
        change_mm = (config["empty_mm"] - config["full_mm"]) * config["emptied_permille"] // 1000
        gate = (module.blind_mm, config["empty_mm"] + config["empty_mm"] // 50 + _BOTTOM_MARGIN_MM, module.range_mm)
        reading = echo_filter.measure(ranger, half_speed_q16(temperature_c10), gate, last_mm, change_mm)
    finally:
        ranger.power_off()
    return reading, temperature_c10


def report(board, config, state, status, why, now_s):
    """Deliver this reading and those that wait. "sent", or what went wrong; nothing is lost by it."""
    from binnode.reporting import payload
    from binnode.wifi.link import WifiLink, LinkError

    policy.trying(state, config, now_s)
    board.remember(state.pack())  # a brown-out in the middle of it counts as a failure too
    link = WifiLink(board, config, state)
    try:
        link.open()
        while why:
            earlier = policy.earlier(state, payload.fits(link.room), board.time.time())
            status.reason, status.flags = why, policy.flags(state, status.kind)
            link.deliver(payload.encode(status, earlier, link.room), status)
            why = policy.delivered(state, status.kind, status.fill_permille, len(earlier), now_s)
    except LinkError as error:
        return "failed: %s" % error
    finally:
        link.close()
    return "sent"


def line(state, status, why, result, problem, sleep_s):
    """The console's one line. No secret is ever in it."""
    from binnode.reporting.reasons import NAMES

    fill = "--.-" if status.fill_permille is None else "%d.%d" % (status.fill_permille // 10, status.fill_permille % 10)
    return "binnode: wake %d, %s %%, %s, %s mm, %s: %s, %d waiting%s; sleeps %d s" % (
        state.wakes,
        fill,
        kinds.NAMES[status.kind],
        "-" if status.distance_mm is None else status.distance_mm,
        NAMES[why or 0],
        result or "nothing to report",
        len(state.backlog),
        "; " + problem if problem else "",
        sleep_s,
    )
