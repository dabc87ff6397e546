"""Readings that are not delivered yet: up to 240 of 5 bytes, oldest first, in one bytearray.

An entry is big-endian: 30 bits time in s of the node's clock, then 10 bits level code (payload.level_code).
Times are compared modulo 2^30 s (34 years). A difference of 2^29 s or more is a negative one, so no sign is stored.
"""

from micropython import const

CAPACITY = const(240)  # two days at 15 min, what waited before the link broke, and 2 h until the next try
ENTRY_BYTES = const(5)
_SPAN = const(0x3FFFFFFF)
_HALF = const(0x20000000)


class Backlog:
    """`data` holds the entries and nothing else. `thinned`: readings were given up since the backlog was last empty."""

    def __init__(self, data=None, thinned=False):
        self.data = bytearray(data or 0)
        self.thinned = thinned

    def __len__(self):
        return len(self.data) // ENTRY_BYTES

    def _at_s(self, place):
        place *= ENTRY_BYTES
        data = self.data
        return data[place] << 22 | data[place + 1] << 14 | data[place + 2] << 6 | data[place + 3] >> 2

    def _remove(self, place, count):
        self.data[place * ENTRY_BYTES : (place + count) * ENTRY_BYTES] = b""

    def add(self, at_s, code):
        """Append the reading with level `code` taken at `at_s`; when full, one earlier reading makes room.

        A clock that was set back since the newest entry takes the earlier ones with it: the newest is then as old as
        this reading, and the others keep their distance to it, so the order and the ages stay true to each other.
        """
        at_s &= _SPAN
        count = len(self)
        if count:
            back_s = (self._at_s(count - 1) - at_s) & _SPAN
            if 0 < back_s < _HALF:
                self.shift(-back_s)
        if count == CAPACITY:
            self._thin(at_s)
        self.data.extend(
            bytes((at_s >> 22, at_s >> 14 & 255, at_s >> 6 & 255, (at_s & 63) << 2 | code >> 8, code & 255))
        )

    def newest_s(self):
        """When the newest entry was measured; 0 without one."""
        return self._at_s(len(self) - 1) if len(self) else 0

    def shift(self, delta_s):
        """The clock was set: every entry keeps its distance to it."""
        data = self.data
        for at in range(0, len(data), ENTRY_BYTES):
            end = at + 4
            at_s = (int.from_bytes(data[at:end], "big") >> 2) + delta_s
            data[at:end] = ((at_s & _SPAN) << 2 | data[at + 3] & 3).to_bytes(4, "big")

    def _thin(self, newest_s):
        """Remove the entry whose neighbours are closest in time (the oldest such), with `newest_s` about to follow.

        The smallest of 191 such gaps is at most 2/191 of the whole time, so no removal ever leaves a wider hole.
        """
        best_s = _SPAN
        best = 1
        before = self._at_s(0)
        here = self._at_s(1)
        for place in range(1, CAPACITY):
            after = self._at_s(place + 1) if place + 1 < CAPACITY else newest_s
            gap_s = (after - before) & _SPAN
            if gap_s < best_s:
                best_s = gap_s
                best = place
            before = here
            here = after
        self._remove(best, 1)
        self.thinned = True

    def oldest(self, count, now_s):
        """Up to `count` entries as [(age_s, code)], oldest first; an entry from the clock's future has age 0."""
        entries = []
        for place in range(min(count, len(self))):
            age_s = (now_s - self._at_s(place)) & _SPAN
            at = place * ENTRY_BYTES + 3
            entries.append((age_s if age_s < _HALF else 0, (self.data[at] & 3) << 8 | self.data[at + 1]))
        return entries

    def drop(self, count):
        """Forget the `count` oldest entries (they were delivered)."""
        self._remove(0, count)
        if not self.data:
            self.thinned = False

    def drop_newest(self):
        """Forget the newest entry (it was delivered in the status itself)."""
        if self.data:
            self._remove(len(self) - 1, 1)
        self.drop(0)
