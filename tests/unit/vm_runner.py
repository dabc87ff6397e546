"""Runs on the MicroPython VM: `run FILE...` runs pure test files, `replay FILE` replays recorded cases.

Prints one line per failure and, last, a line of JSON with the counts.
"""

import json
import sys


def run_tests(names):
    passed, failed = {}, []
    for name in names:
        module = __import__(name)
        tests = [t for t in dir(module) if t.startswith("test_")]
        passed[name] = 0
        for test in tests:
            try:
                getattr(module, test)()
                passed[name] += 1
            except Exception as error:
                failed.append("%s.%s" % (name, test))
                print("FAILED %s.%s" % (name, test))
                sys.print_exception(error)
    return {"passed": passed, "failed": failed}


def revive(value):
    """JSON has no bytes and no tuples: {"b": hex} and {"t": [...]} stand for them."""
    if isinstance(value, dict):
        if "b" in value:
            return bytes.fromhex(value["b"])
        if "t" in value:
            return tuple(revive(item) for item in value["t"])
        return {key: revive(item) for key, item in value["d"].items()}
    if isinstance(value, list):
        return [revive(item) for item in value]
    return value


def replay(path):
    with open(path) as file:
        recorded = json.load(file)
    module = __import__(recorded["module"], None, None, ("x",))
    function = getattr(module, recorded["function"])
    wrong = []
    for args, expected in recorded["cases"]:
        result = function(*revive(args))
        if result != revive(expected) and len(wrong) < 5:
            wrong.append("%s(%r) = %r, not %r" % (recorded["function"], args, result, expected))
    return {"cases": len(recorded["cases"]), "wrong": wrong}


action = sys.argv[1]
result = run_tests(sys.argv[2:]) if action == "run" else replay(sys.argv[2])
print(json.dumps(result))
