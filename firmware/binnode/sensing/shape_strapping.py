"""Fill by a strapping table: heights of the content and the volumes that belong to them, linear in between."""

from micropython import const

PAIRS = const(16)
_MOST_MM = const(6000)
_MOST = const(10000)


def pairs(text):
    """[(height in mm above the bottom, volume in any unit), ...] of a text such as "0:0,300:250,800:1000".

    ValueError unless there are 2 to PAIRS of them, from 0:0 on, both numbers rising, up to 6000 mm and 10000.
    """
    found = []
    for pair in text.encode().split(b","):  # bytes: their isdigit knows no other digits than 0..9
        numbers = pair.split(b":")
        if len(numbers) != 2 or not all(number.isdigit() and len(number) < 6 for number in numbers):
            raise ValueError(text)
        found.append((int(numbers[0]), int(numbers[1])))
    if not 2 <= len(found) <= PAIRS or found[0] != (0, 0) or found[-1][0] > _MOST_MM or found[-1][1] > _MOST:
        raise ValueError(text)
    for i in range(1, len(found)):
        if found[i][0] <= found[i - 1][0] or found[i][1] <= found[i - 1][1]:
            raise ValueError(text)
    return found


def fill(height, whole, config):
    """Permille of the volume below the full line. height, whole: of content and full line, in mm.

    "strapping" has the table, which reaches the full line. Errors stay below 1 permille while the pair above the full
    line has at most twenty times the full line's volume.
    """
    table = pairs(config["strapping"])
    while len(table) > 2 and table[-2][0] >= whole:
        table.pop()
    scale = 16 * (_MOST // table[-1][1])
    full = _volume(table, whole, scale)
    return (_volume(table, height, scale) * 1000 + full // 2) // full


def _volume(table, height, scale):
    """The volume at `height` times `scale`; 1.6 10^5 at most."""
    i = 1
    while i < len(table) - 1 and table[i][0] < height:
        i += 1
    (low, before), (high, after) = table[i - 1], table[i]
    return (before * (high - low) + (after - before) * (height - low)) * scale // (high - low)
