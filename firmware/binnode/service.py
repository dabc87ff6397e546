"""What a computer calls over the REPL: info, show, configure, keep_secret, provision, measure, doctor, wake, sleep. Of
the duty cycle only a start that finds a provisioning half done loads it.

Each function of the module prints one line, MARK and a JSON object; {"error": "..."} says why nothing was done.
A secret goes in by keep_secret and never comes out.
"""

import json

from binnode import forget

MARK = "binnode>"
_FILE = "config.json"
_NEW = "config.new"
_ORDER = "provision"  # in NVS: what provision() was told, until all of it is done
_LONGEST_ORDER = 1900  # bytes; a blob of NVS stays on one page below 1984
# What a call may load. Two calls of one session need different parts, and all of them together more than there is.
_VISIT_MS = 600000  # from each call on; then the watchdog starts the node anew
_PARTS = ("node", "sensing", "config_rules", "doctor")


class ServiceError(Exception):
    """Refused; the text says why and what would work."""


class Files:
    """The node's files by name: what Service needs of them."""

    def read(self, name):
        """The text, None when there is no such file or it is no text."""
        try:
            with open(name) as file:
                return file.read()
        except (OSError, ValueError):
            return None

    def write(self, name, text):
        with open(name, "w") as file:
            file.write(text)

    def rename(self, name, to):
        """In place of `to`, if there is one: both littlefs and POSIX do it in one step."""
        import os

        os.rename(name, to)


class Service:
    """board: binnode.board.Board or like it. files: Files or like it. Every method returns what JSON can carry."""

    def __init__(self, board, files):
        self._board = board
        self._files = files

    def info(self):
        """Who this is: firmware, board, chip, MicroPython, free heap in bytes."""
        import gc
        import sys
        from binascii import hexlify

        from binnode.version import COMMIT, VERSION

        gc.collect()
        return {
            "version": VERSION,
            "commit": COMMIT,
            "board": self._board.pins["name"],
            "device_id": hexlify(self._board.device_id).decode(),
            "micropython": ".".join([str(part) for part in sys.implementation.version[:3]]),
            "free_heap": gc.mem_free(),
        }

    def show(self):
        """The config in force, what is wrong with the file (or None), and for each secret whether it is set."""
        from binnode.config_rules import SECRETS

        config, problem = self._config()
        return {
            "config": config,
            "problem": problem,
            "secrets": {name: bool(self._board.secret(name)) for name in SECRETS},
        }

    def configure(self, json_text):
        """Change the settings in `json_text` (an object of names and values): all of them or none, and no power cut
        leaves half a file. `mended`: what was wrong with the old file and is now replaced by defaults, or None."""
        try:
            changes = json.loads(json_text)
        except ValueError:
            changes = None
        if not isinstance(changes, dict):
            raise ServiceError("configure: must be a JSON object of names and values")
        config, problem = self._changed(changes)
        self._save(json.dumps(config))
        return {"config": config, "mended": problem}

    def provision(self, json_text):
        """Settings and secrets, {"config": {...}, "secrets": {...}}: all of them or none, whenever the power goes.

        They are in NVS in one piece before the first of them takes its place; finish() at the next start does the rest.
        No answer and no error repeats a secret."""
        from binnode import config_rules

        try:
            order = json.loads(json_text)
            changes, secrets = dict(order["config"]), dict(order["secrets"])
        except Exception:
            raise ServiceError("provision: must be a JSON object with config and secrets, each names and values")
        problem = self._changed(changes)[1]
        messages = [
            config_rules.check_secret(name, text) if name in config_rules.SECRETS else "%s: no secret" % name
            for name, text in secrets.items()
        ]
        messages = [message for message in messages if message]
        record = json_text.encode()
        if len(record) > _LONGEST_ORDER:
            messages.append("provision: %d bytes; must be at most %d" % (len(record), _LONGEST_ORDER))
        if messages:
            raise ServiceError("; ".join(messages))
        try:
            self._board.keep(_ORDER, record)
            self.finish()
            lost = [name for name in secrets if self._board.secret(name) != secrets[name]]
        except ServiceError:
            raise
        except Exception as error:  # its text might show a secret
            raise ServiceError("provision: not stored (%s); is the NVS full?" % type(error).__name__)
        if lost:
            raise ServiceError("%s: not as written; is the NVS full?" % ", ".join(lost))
        return {"config": self._config()[0], "mended": problem, "secrets": sorted(secrets)}

    def finish(self):
        """Do what is left of a provision() that the power broke off; nothing, when nothing is."""
        record = self._board.kept(_ORDER, _LONGEST_ORDER)
        if not record:
            return
        order = json.loads(record)
        config = self._config()[0]
        config.update(order["config"])
        try:
            self._save(json.dumps(config))
        except ServiceError:
            self._board.forget(_ORDER)  # so that it all stays as it was
            raise
        for name, text in order["secrets"].items():
            self._board.keep_secret(name, text)
        self._board.forget(_ORDER)

    def keep_secret(self, name, text):
        """Store a secret in NVS. No answer and no error repeats it."""
        from binnode.config_rules import SECRETS, check_secret

        if name not in SECRETS:
            raise ServiceError("%s: no secret; there are: %s" % (name, ", ".join(SECRETS)))
        try:
            message = check_secret(name, text)
            if not message:
                self._board.keep_secret(name, text)
                if self._board.secret(name) != text:
                    message = "%s: not as it was written; is the NVS full?" % name
        except Exception as error:  # its text might show the secret
            message = "%s: not stored (%s)" % (name, type(error).__name__)
        if message:
            raise ServiceError(message)
        return {"kept": name}

    def measure(self, count=1, whole_range=False, module=None):
        """`count` readings with the stored config. `whole_range`: believe echoes from as far as the module can hear,
        not only from inside the bin as it is configured; a level then makes no sense and is None. `module`: which one
        is connected, before that is stored. "heard_mm": what each ping heard, in mm, None for no echo."""
        from binnode import node
        from binnode.sensing import kinds
        from binnode.sensing.modules import profile
        from binnode.sensing.shape import fill_permille

        config, _ = self._config()
        if module:
            config["module"] = module
        if whole_range:
            config["empty_mm"] = profile(config["module"]).range_mm
        heard = _overhear()
        readings = []
        for _ in range(count):
            del heard[:]
            reading, temperature_c10 = node.measure(self._board, config, None)
            level = reading.kind == kinds.OK and not whole_range
            readings.append(
                {
                    "kind": kinds.NAMES[reading.kind],
                    "distance_mm": reading.distance_mm,
                    "valid": reading.valid,
                    "pings": reading.pings,
                    "spread_mm": reading.spread_mm,
                    "heard_mm": list(heard),
                    "fill_permille": fill_permille(config, reading.distance_mm) if level else None,
                    "temperature_c10": temperature_c10,
                    "battery_mv": self._board.battery_mv(),
                }
            )
        return {"readings": readings}

    def visit(self, what, *args):
        """What doctor.py has: "doctor", "wake", "sleep"."""
        from binnode import doctor

        return getattr(doctor, what)(self, self._board, *args)

    def _changed(self, changes):
        """(config with the changes, what was wrong with the old one or None); ServiceError when it breaks a rule."""
        from binnode import config_rules

        for name in changes:
            if name in config_rules.SECRETS:
                raise ServiceError("%s: a secret; keep_secret stores it, apart from the configuration" % name)
        config, problem = self._config()
        config.update(changes)
        messages = config_rules.check(config)
        if messages:
            raise ServiceError("; ".join(messages))
        return config, problem

    def _config(self):
        from binnode import config

        return config.load(self._files.read(_FILE))

    def _save(self, text):
        """Write beside the file, compare, and only then take its place."""
        if self._files.read(_FILE) == text:
            return
        try:
            self._files.write(_NEW, text)
            if self._files.read(_NEW) != text:
                raise ServiceError("%s: reads back different; the old settings stay" % _NEW)
            self._files.rename(_NEW, _FILE)
        except OSError as error:
            raise ServiceError("%s: can't be written (%s); the old settings stay" % (_FILE, error))
        if self._files.read(_FILE) != text:
            raise ServiceError("%s: reads back different after it was replaced" % _FILE)


def _overhear():
    """A list that each ping made from now on adds its own distance to: mm, None without an echo."""
    from binnode.sensing import echo_filter

    heard = []

    class Burst(echo_filter.EchoBurst):
        def add(self, ping, half_speed):
            heard.append(echo_filter.distance_mm(ping, half_speed) if ping > 0 else None)
            super().add(ping, half_speed)

    echo_filter.EchoBurst = Burst
    return heard


def answer(make, method, *args):
    """The line to print for make().method(*args): never an exception."""
    try:
        result = getattr(make(), method)(*args)
    except ServiceError as error:
        result = {"error": str(error)}
    except Exception as error:
        result = {"error": "%s: %s" % (type(error).__name__, error)}
    return MARK + json.dumps(result)


def info():
    _print("info")


def show():
    _print("show")


def configure(json_text):
    _print("configure", json_text)


def keep_secret(name, text):
    _print("keep_secret", name, text)


def provision(json_text):
    _print("provision", json_text)


def measure(count=1, whole_range=False, module=None):
    _print("measure", count, whole_range, module)


def doctor():
    _print("visit", "doctor")


def wake():
    _print("visit", "wake")


def sleep(hours=0):
    """Storage: deep sleep for so long, or until somebody presses button or reset. Does not return unless refused."""
    if '"error"' not in _print("visit", "sleep", hours):
        from binnode.board import Board
        from binnode.board_store import store

        store(Board(True), hours)


def _print(method, *args):
    line = answer(_service, method, *args)
    print(line)
    forget(*_PARTS)
    return line


def _service():
    from binnode.board import Board

    try:
        board = Board(awake=True)
    except (TypeError, ValueError):
        board = None
    if not board or "name" not in board.pins:
        raise ServiceError("board.json: missing or broken; deploy again")
    board.watchdog(_VISIT_MS)
    service = Service(board, Files())
    try:
        service.finish()
    except OSError:  # NVS can't be read: nothing there to finish
        pass
    return service
