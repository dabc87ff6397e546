"""service.provision against a board and files in memory: the power goes before each of its steps."""

import json

from binnode import recover
from binnode.config import DEFAULTS, load
from binnode.service import Service, ServiceError
from check import raises

OLD = {"wifi_key": "the old one", "lora_app_key": "0" * 32}
NEW = {"wifi_key": "correct horse", "lora_app_key": "0123456789abcdef" * 2}
ORDER = json.dumps({"config": {"wifi_ssid": "Depot", "lora_region": "US915"}, "secrets": NEW})


class PowerCut(BaseException):
    pass


class Flash:
    """NVS and the files of one board; `cut`: before which step the power goes, `error`: what happens then."""

    def __init__(self, cut=None, error=None):
        self.nvs = {name: text.encode() for name, text in OLD.items()}
        self.texts = {"config.json": '{"wifi_ssid": "Yard"}'}
        self.cut, self.error, self.steps = cut, error, []
        self.pins = {"name": "bench"}

    def step(self, name):
        self.steps.append(name)
        if len(self.steps) - 1 == self.cut:
            raise self.error or PowerCut()

    # the board
    def kept(self, key, longest):
        record = self.nvs.get(key, b"")
        assert len(record) <= longest
        return record

    def keep(self, key, record):
        self.step("keep " + key)
        self.nvs[key] = record

    def forget(self, key):
        self.step("forget " + key)
        self.nvs.pop(key, None)

    def secret(self, key):
        return str(self.kept(key, 64), "utf8")

    def keep_secret(self, key, text):
        self.keep(key, text.encode())

    # the files
    def read(self, name):
        return self.texts.get(name)

    def write(self, name, text):
        self.step("write " + name)
        self.texts[name] = text

    def rename(self, name, to):
        self.step("rename " + name)
        self.texts[to] = self.texts.pop(name)


def state(flash):
    """(what the node would go by, whether anything is left to do)"""
    config = load(flash.texts["config.json"])[0]
    secrets = {name: flash.secret(name) for name in OLD}
    return (config["wifi_ssid"], config["lora_region"], secrets), "provision" in flash.nvs


BEFORE = ("Yard", "EU868", OLD)
AFTER = ("Depot", "US915", NEW)


def service(flash):
    return Service(flash, flash)


def test_all_of_it_is_stored_and_the_order_is_gone():
    flash = Flash()
    result = service(flash).provision(ORDER)
    assert state(flash) == (AFTER, False)
    assert result["config"] == dict(DEFAULTS, wifi_ssid="Depot", lora_region="US915")
    assert result["secrets"] == ["lora_app_key", "wifi_key"] and result["mended"] is None
    assert NEW["wifi_key"] not in json.dumps(result) and NEW["lora_app_key"] not in json.dumps(result)
    assert flash.steps[0] == "keep provision" and flash.steps[-1] == "forget provision"


def test_the_power_may_go_before_any_step():
    whole = Flash()
    service(whole).provision(ORDER)
    seen = []
    for cut in range(len(whole.steps)):
        flash = Flash(cut)
        raises(PowerCut, service(flash).provision, ORDER)
        flash.cut = None
        service(flash).finish()
        found, left = state(flash)
        assert not left and found in (BEFORE, AFTER), (cut, found)
        seen.append(found)
    assert seen[0] == BEFORE and seen[-1] == AFTER and len(seen) == 6


def start(flash):
    """A start of the node, as far as it is about provisioning. It lets go of the module at the end."""
    from binnode import service as module

    files = module.Files
    module.Files = lambda: flash
    try:
        recover._provisioned(flash)
    finally:
        module.Files = files


def broken_off():
    """Config.json is not in its place yet when the power goes."""
    flash = Flash(2)
    raises(PowerCut, service(flash).provision, ORDER)
    flash.cut = None
    assert state(flash) == (BEFORE, True)
    return flash


def test_the_next_start_finishes_it():
    flash = broken_off()
    start(flash)
    assert state(flash) == (AFTER, False)


def test_a_start_goes_on_when_it_can_not_be_finished_and_the_next_one_does():
    flash = broken_off()
    flash.cut, flash.error = len(flash.steps) + 2, OSError(28)  # after the file's two: NVS is full
    start(flash)
    assert state(flash)[1]
    flash.cut = None
    start(flash)
    assert state(flash) == (AFTER, False)


def test_a_file_that_can_not_be_written_leaves_all_of_the_old():
    for cut in (1, 2):
        flash = Flash(cut, OSError(28))
        message = str(raises(ServiceError, service(flash).provision, ORDER))
        assert "the old settings stay" in message and state(flash) == (BEFORE, False)


def test_refused_before_anything_is_written():
    for order, said in (
        ("", "must be a JSON object with config and secrets"),
        ("[1]", "must be a JSON object with config and secrets"),
        ('{"config": {}}', "must be a JSON object with config and secrets"),
        ('{"config": {"wifi_sid": "x"}, "secrets": {}}', "wifi_sid: unknown; near: "),
        ('{"config": {"wifi_key": "x"}, "secrets": {}}', "wifi_key: a secret"),
        ('{"config": {}, "secrets": {"wifi_kee": "hidden text"}}', "wifi_kee: no secret"),
        ('{"config": {}, "secrets": {"wifi_key": "hidden"}}', "wifi_key: must be 8..63 characters"),
        ('{"config": {}, "secrets": {"lora_app_key": "hidden"}}', "lora_app_key: must be 32 hex digits"),
        (ORDER + " " * 2000, "must be at most 1900"),
    ):
        flash = Flash()
        message = str(raises(ServiceError, service(flash).provision, order))
        assert said in message and "hidden" not in message, (order, message)
        assert flash.steps == [] and state(flash) == (BEFORE, False)


def test_an_error_shows_no_secret():
    for cut in range(6):
        flash = Flash(cut, ValueError(ORDER))
        message = str(raises(ServiceError, service(flash).provision, ORDER))
        assert "correct horse" not in message and "ValueError" in message
