"""The service against a board and files in memory, whose writes can fail at any step."""

import gc
import json
import sys

from binnode.config import DEFAULTS, load
from binnode.service import MARK, Service, ServiceError, answer
from check import raises

SECRET = "correct horse"
NO_SUCH_SECRET = "wifi_kee: no secret; there are: wifi_key, mqtt_key, lora_app_key, lora_nwk_s_key, lora_app_s_key"


class Board:
    device_id = b"\x24\x0a\xc4\x00\x01\x10"

    def __init__(self, kept=None, broken=None):
        self.pins = {"name": "bench"}
        self.kept = kept or {}
        self.broken = broken

    def secret(self, name):
        return self.kept.get(name, "")

    def keep_secret(self, name, text):
        if self.broken == "raises":
            raise OSError("no room for " + text)
        if self.broken != "forgets":
            self.kept[name] = text


class Files:
    """Steps are writes (half of the text first) and renames; power goes before step `cut`."""

    def __init__(self, text=None, cut=None, error=None):
        self.texts = {} if text is None else {"config.json": text}
        self.cut, self.error, self.steps = cut, error, []

    def _step(self, name):
        self.steps.append(name)
        if len(self.steps) - 1 == self.cut:
            raise self.error or PowerCut()

    def read(self, name):
        return self.texts.get(name)

    def write(self, name, text):
        self._step("open " + name)
        self.texts[name] = ""
        self._step("write " + name)
        self.texts[name] = text[: len(text) // 2]
        self._step("write on " + name)
        self.texts[name] = text

    def rename(self, name, to):
        self._step("rename " + name)
        self.texts[to] = self.texts.pop(name)


class PowerCut(BaseException):
    pass


def stored(files):
    return load(files.read("config.json"))


def refused(service, method, *args):
    return str(raises(ServiceError, getattr(service, method), *args))


def test_configure_keeps_what_is_not_named():
    files = Files('{"wifi_ssid": "Depot"}')
    result = Service(Board(), files).configure('{"measure_s": 600, "name": "gate \\u00fc"}')
    config, problem = stored(files)
    assert problem is None and result["mended"] is None
    assert config == dict(DEFAULTS, wifi_ssid="Depot", measure_s=600, name="gate \xfc") == result["config"]
    assert list(files.texts) == ["config.json"]


def test_configure_is_all_or_nothing():
    files = Files()
    message = refused(Service(Board(), files), "configure", '{"measure_s": 600, "full_mm": 5, "heigth_mm": 3}')
    assert "full_mm = 5: must be 21..5900 mm" in message
    assert "heigth_mm: unknown" in message
    assert files.steps == [] and files.texts == {}


def test_configure_names_contradictions():
    message = refused(Service(Board(), Files()), "configure", '{"full_mm": 200, "module": "aj_sr04m"}')
    assert message == "full_mm = 200: must be above 250 mm, the blind zone of aj_sr04m"


def test_configure_takes_no_secret_and_does_not_repeat_it():
    message = refused(Service(Board(), Files()), "configure", json.dumps({"wifi_key": SECRET}))
    assert message == "wifi_key: a secret; keep_secret stores it, apart from the configuration"


def test_configure_takes_objects_only():
    for text in ("", "nonsense", "[1]", "3", "null"):
        assert "JSON object" in refused(Service(Board(), Files()), "configure", text)


def test_configure_says_what_it_mended():
    files = Files('{"full_mm": "deep", "measure_s": 600}')
    result = Service(Board(), files).configure('{"empty_mm": 1200}')
    assert "full_mm" in result["mended"]
    assert stored(files) == (dict(DEFAULTS, measure_s=600, empty_mm=1200), None)


def test_power_cut_at_each_step_leaves_the_old_or_the_new_config():
    before, after = dict(DEFAULTS, measure_s=300), dict(DEFAULTS, measure_s=600)
    seen = []
    for cut in range(10):
        files = Files(json.dumps(before), cut)
        try:
            Service(Board(), files).configure('{"measure_s": 600}')
        except PowerCut:
            assert stored(files) == (before, None), files.steps
            seen.append(files.steps[-1])
            continue
        assert stored(files) == (after, None)
    assert seen == ["open config.new", "write config.new", "write on config.new", "rename config.new"]


def test_what_is_left_of_a_cut_write_does_no_harm():
    files = Files()
    files.texts["config.new"] = '{"half": '
    Service(Board(), files).configure('{"measure_s": 600}')
    assert stored(files)[0]["measure_s"] == 600 and "config.new" not in files.texts


def test_full_flash_leaves_the_old_config_and_says_so():
    for cut in range(4):
        files = Files('{"measure_s": 300}', cut, OSError(28))
        assert "the old settings stay" in refused(Service(Board(), files), "configure", '{"measure_s": 600}')
        assert stored(files)[0]["measure_s"] == 300


def test_flash_that_reads_back_different_never_becomes_the_config():
    files = Files('{"measure_s": 300}')
    write = files.write
    files.write = lambda name, text: write(name, text.replace("600", "601"))
    assert "reads back different" in refused(Service(Board(), files), "configure", '{"measure_s": 600}')
    assert stored(files)[0]["measure_s"] == 300


def test_settings_that_are_there_already_are_not_written_again():
    files = Files()
    service = Service(Board(), files)
    service.configure('{"measure_s": 600}')
    steps = len(files.steps)
    service.configure('{"measure_s": 600}')
    assert len(files.steps) == steps


def test_show_has_everything_but_the_secrets():
    board = Board({"wifi_key": SECRET})
    shown = Service(board, Files('{"measure_s": 1}')).show()
    assert shown["config"] == DEFAULTS
    assert "measure_s = 1" in shown["problem"]
    assert len(shown["secrets"]) == 5 and [name for name in shown["secrets"] if shown["secrets"][name]] == ["wifi_key"]
    assert SECRET not in json.dumps(shown)


def test_keep_secret_stores_it_and_says_only_its_name():
    board = Board()
    assert Service(board, Files()).keep_secret("wifi_key", SECRET) == {"kept": "wifi_key"}
    assert board.kept == {"wifi_key": SECRET}


def test_keep_secret_refuses_without_repeating():
    cases = (
        (
            Board(),
            "wifi_kee",
            SECRET,
            NO_SUCH_SECRET,
        ),
        (Board(), "wifi_key", "hunter2", "wifi_key: must be 8..63 characters"),
        (Board(), "wifi_key", None, "wifi_key: must be 8..63 characters"),
        (Board(broken="raises"), "wifi_key", SECRET, "wifi_key: not stored (OSError)"),
        (Board(broken="forgets"), "wifi_key", SECRET, "wifi_key: not as it was written; is the NVS full?"),
    )
    for board, name, text, wanted in cases:
        assert refused(Service(board, Files()), "keep_secret", name, text) == wanted
        assert board.kept == {}


def test_answer_is_one_marked_line_of_json_whatever_happens():
    class Broken:
        def fine(self, value):
            return {"value": value}

        def refuses(self):
            raise ServiceError("not so: use 3\nor 4")

        def breaks(self):
            raise IndexError("1 of 0")

    def line(*args):
        text = answer(Broken, *args)
        assert text.startswith(MARK) and "\n" not in text
        return json.loads(text[len(MARK) :])

    assert line("fine", 'two\nlines "and" quotes') == {"value": 'two\nlines "and" quotes'}
    assert line("refuses") == {"error": "not so: use 3\nor 4"}
    assert line("breaks")["error"].startswith("IndexError: ")
    assert line("lacks")["error"].startswith("AttributeError: ")
    assert line("fine")["error"].startswith("TypeError: ")

    def unmade():
        raise ServiceError("board.json: missing")

    assert answer(unmade, "show") == MARK + '{"error": "board.json: missing"}'


def test_info_names_firmware_board_and_chip():
    class Version:
        VERSION, COMMIT = "1.2.3", "0123abcd"

    free, collector = getattr(gc, "mem_free", None), gc
    sys.modules["binnode.version"] = Version
    if free is None:  # CPython
        collector.mem_free = lambda: 4711
    try:
        info = Service(Board(), Files()).info()
    finally:
        del sys.modules["binnode.version"]
        if free is None:
            del collector.mem_free
    assert info.pop("free_heap") > 0
    assert info.pop("micropython") == ".".join([str(part) for part in sys.implementation.version[:3]])
    assert info == {"version": "1.2.3", "commit": "0123abcd", "board": "bench", "device_id": "240ac4000110"}
