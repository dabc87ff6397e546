"""Power cuts, watchdog and battery on the virtual board itself: what the world does to a small main.py."""

import pytest
from binnode_tools.virtual_board.storage import Cutter, Nvs, PowerCut

from tests.system.scenario import HOUR_US, scenario


def node_running(main: str, **kit):
    """A board whose image is this main.py alone."""
    return scenario(files={"main.py": main.encode()}, **kit)


WRITER = """
import machine, esp32, time
nvs = esp32.NVS("test")
try:
    count = nvs.get_i32("count")
except OSError:
    count = 0
buffer = bytearray(100)
try:
    size = nvs.get_blob("blob", buffer)
    blob = buffer[:size]
except OSError:
    blob = b""
ram = machine.RTC().memory()
print(machine.reset_cause(), count, len(set(blob)), blob[0] if blob else -1, len(ram))
machine.RTC().memory(b"x" * 10)
nvs.set_i32("count", count + 1)
nvs.commit()
nvs.set_blob("blob", bytes([(count + 1) % 251]) * 90)
nvs.commit()
time.sleep_ms(100)
machine.deepsleep(60000)
"""


def test_nvs_values_are_old_or_new_whole_after_a_cut_at_any_byte():
    entry_bytes = 32 + (2 + 3) * 32  # an i32, and a blob of 90 bytes in its three entries, header and index
    seen = set()
    with node_running(WRITER) as node:
        node.run_hours(0.1)
        for after in range(entry_bytes + 1):
            board = node.board
            board.cut_power(after_bytes=after, off_us=1_000_000)
            starts = board.starts
            while board.starts < starts + 2 or board.vm:
                board.step(node.world.zygote, node.world.trace)
            cause, count, kinds, first, _ = map(int, board.wakes[-1].console.split())
            behind = (count - first) % 251
            seen.add((cause, behind))
            assert kinds == 1, "a blob is of one piece"
            assert behind in (0, 1), "the values were committed in this order"
    assert (1, 1) in seen and (1, 0) in seen and (4, 0) in seen


def test_power_cut_loses_rtc_memory_and_reset_does_not():
    with node_running(WRITER) as node:
        node.run_hours(0.05)
        assert node.wakes[1].console.split()[-1] == "10"
        node.board.power_on(node.board.chip.now + 5_000_000)
        node.run_hours(0.1)
        powered = [wake for wake in node.wakes if wake.cause == 1]
        assert len(powered) == 2 and powered[1].console.split()[-1] == "0"


@pytest.mark.parametrize("act", [0, 3, 7, 11])
def test_cut_at_any_act_ends_the_wake_there(act):
    with node_running(WRITER) as node:
        node.board.cut_power(after_acts=act)
        node.run_hours(0.1)
        assert (node.wakes[0].how, node.wakes[0].acts) == ("power cut", act + 1)
        assert node.wakes[1].cause == 1 and node.wakes[1].started_us >= 60_000_000


WATCHED = """
import machine, time
if machine.reset_cause() == 1:
    machine.RTC().memory(b"kept")
    dog = machine.WDT(timeout=2000)
    for i in range(5):
        time.sleep_ms(1500)
        dog.feed()
    %s
print(machine.reset_cause(), machine.RTC().memory())
machine.deepsleep(86400000)
"""


@pytest.mark.parametrize(
    "trouble", ["time.sleep(60)", "while machine.reset_cause(): pass", "machine.lightsleep(60000)"]
)
def test_watchdog_bites_in_a_sleep_and_in_a_loop(trouble):
    with node_running(WATCHED % trouble) as node:
        node.run_hours(0.1)
        assert node.wakes[0].how == "watchdog"
        assert node.wakes[0].awake_us == pytest.approx(5 * 1_500_000 + 2_000_000 + 640_000, abs=120_000)
        assert node.wakes[1].cause == 3 and node.wakes[1].console.split() == ["3", "b'kept'"]


def test_watchdog_bites_in_a_loop_without_acts(monkeypatch):
    """No act ever comes: this computer's guard ends it, and for the node it is the watchdog's bite."""
    monkeypatch.setattr("binnode_tools.virtual_board.vm_process.Vm.request.__defaults__", (1.0,))
    with node_running(WATCHED % "while True: pass") as node:
        node.run_hours(0.1)
        assert node.wakes[0].how == "watchdog" and node.wakes[1].cause == 3


def test_fed_watchdog_and_deep_sleep_do_not_bite():
    with node_running("import machine\nmachine.WDT(timeout=3000)\nmachine.deepsleep(600000)\n") as node:
        node.run_hours(1)
        assert {wake.how for wake in node.wakes} == {"deep sleep"} and len(node.wakes) > 4


def test_battery_swap_is_a_power_on_with_a_fresh_cell():
    with scenario() as node:
        node.board.chip.battery.used_mc = 0.97 * node.board.chip.battery.capacity_mc
        node.run_hours(1)
        low = node.reports()[-1].battery_mv
        node.board.swap_battery(round(1.2 * HOUR_US))
        node.run_hours(1.4)
        assert node.reports()[-1].reason == "first" and node.reports()[-1].battery_mv > low + 500


# NVS as pages --------------------------------------------------------------------------------------------------------


def test_a_year_of_writes_wears_every_page_alike():
    nvs = Nvs()
    nvs.provision("binnode", "wifi_key", b"k" * 20)
    for day in range(10_000):
        nvs.set("binnode", "checkpoint", day.to_bytes(4, "big") * 300)
        nvs.commit("binnode")
    assert nvs.get("binnode", "wifi_key", bytes) == b"k" * 20
    assert nvs.get("binnode", "checkpoint", bytes) == (9999).to_bytes(4, "big") * 300
    assert max(nvs.erases) <= 100_000 // 10, "far from the 100 000 erases of a flash page"
    assert max(nvs.erases) - min(nvs.erases) < max(nvs.erases) // 2


def test_old_value_stays_until_the_new_one_is_complete():
    for after in range(0, 200, 7):
        nvs = Nvs()
        nvs.provision("n", "key", b"old" * 20)
        nvs.cutter = Cutter(after)
        nvs.set("n", "key", b"new" * 20)
        try:
            nvs.commit("n")
        except PowerCut:
            pass
        nvs.lose_power()
        assert nvs.get("n", "key", bytes) == (b"new" if after >= 128 else b"old") * 20


def test_what_was_not_committed_is_gone():
    nvs = Nvs()
    nvs.set("n", "key", 5)
    assert nvs.get("n", "key", int) == 5
    nvs.lose_power()
    assert nvs.get("n", "key", int) is None
