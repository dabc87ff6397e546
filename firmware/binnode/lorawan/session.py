"""What a LoRaWAN session is made of, its image, and what of it NVS keeps. Byte map, and what is where: LORAWAN.md.

mac.py, commands.py, join.py and the plans change it; its image stands behind the state in RTC memory, and in NVS. Each
record in NVS is whole or absent, and ends with a CRC-32; restart.py reads them.
"""

import binascii
import struct

from micropython import const

MAGIC = b"lW\1"  # the last byte is the layout's version
HEAD_BYTES = const(138)
CHANNEL = ">IIBB"  # frequency, RX1's frequency (0: the same), lowest and highest data rate
# magic, length | channels, credits, region, fcnt_down | NAMES; then channels, credits (ms), answers, CRC-32
LAYOUT = ">3sHBB8sIIHI16s16sIII9s9sIHBBBBBBBBBBBBBBBBBBBBBIIIII"
NAMES = (
    "nonces_crc dev_nonce join_nonce nwk_s_key app_s_key dev_addr fcnt_up fcnt_ceiling mask used rx2_hz adr_ack_cnt "
    "joined abp adr ack_due adr_due rescued uplink_dwell downlink_dwell dr power nb_trans rx1_offset rx2_dr "
    "rx1_delay_s max_eirp_dbm sub_band max_duty silent stale join_dr join_attempt credits_at_s quiet_until_s "
    "last_downlink_s join_since_s join_next_s"
)
COUNTERS = "lora_counters"
ABP_COUNTERS = "lora_abp"  # these keys come back with their counters, whatever was joined in between
COUNTERS_LAYOUT = ">III"  # the session's bond, from here on counters are free, last downlink
IMAGE = "lora_session"
NONE = 0xFFFFFFFF
_IN_VAIN = const(8)  # messages that should have been answered, after the back-off's last step
_SILENT_S = const(194400)  # 54 h: an outage of two days is no reason to join
_AHEAD = const(64)  # counters that are reserved at a time


class Session:
    """Annotations only, for which MicroPython makes no code: unpack() and restart.clear() set the fields.

    Flags are 0 or 1.
    """

    region: str  # its name
    channels: list  # of a dynamic plan: [hz, lowest dr, highest dr, RX1's hz or 0: the same]
    credits: list  # ms of air time, band by band
    answers: bytes  # MAC answers for the next uplink
    fcnt_down: int | None  # the last one accepted
    fcnt_up: int  # the next to be used
    fcnt_ceiling: int  # from here on NVS has reserved none
    joined: int  # there is a session: dev_addr and the two keys
    abp: int  # activated by personalisation
    dev_addr: int
    nwk_s_key: bytes
    app_s_key: bytes
    nonces_crc: int  # restart.bond() of the device's keys and these nonces, of which the session's keys were made
    dev_nonce: int
    join_nonce: int
    stale: int  # what NVS does not hold yet: 1 counters, 2 session, 4 nonces
    mask: bytearray  # enabled channels, from bit 0 of the first byte on
    used: bytearray  # channels of this round
    dr: int  # as the network set it, to max_duty
    power: int  # index
    nb_trans: int
    rx1_offset: int
    rx1_delay_s: int
    rx2_dr: int
    rx2_hz: int
    uplink_dwell: int
    downlink_dwell: int
    max_eirp_dbm: int  # 0: the region's
    max_duty: int
    quiet_until_s: int  # for DutyCycleReq
    credits_at_s: int
    sub_band: int  # configured; 0: all
    adr: int  # ask for ADR
    adr_ack_cnt: int  # new frames since the last downlink
    adr_due: int  # a step of the back-off is due
    rescued: int  # its last one was taken
    silent: int  # messages since then that should have been answered
    ack_due: int  # a downlink wants its ACK
    last_downlink_s: int  # or the join
    join_since_s: int  # the back-off of joining
    join_next_s: int
    join_attempt: int
    join_dr: int

    def pack(self):
        """The image: 142 bytes, 10 for every channel, 4 for every band, and the answers."""
        body = b""
        for hz, low, high, rx1_hz in self.channels:
            body += struct.pack(CHANNEL, hz, rx1_hz, low, high)
        body += struct.pack(">%dI" % len(self.credits), *self.credits) + self.answers
        image = struct.pack(
            LAYOUT,
            MAGIC,
            HEAD_BYTES + len(body) + 4,
            len(self.channels),
            len(self.credits),
            self.region.encode(),
            NONE if self.fcnt_down is None else self.fcnt_down,
            *[getattr(self, name) for name in NAMES.split()],
        )
        return summed(image + body)

    def lost(self, now_s):
        """True when the network has forgotten us: time to join anew."""
        return self.silent >= _IN_VAIN and now_s - self.last_downlink_s >= _SILENT_S and not self.abp

    def keep(self, board):
        """Write what NVS lacks, if anything: before a frame leaves, so that no power loss has a counter used again,
        and after a downlink. OSError when NVS fails: it stays due, and nothing may be sent."""
        if self.stale & 4:
            from binnode.lorawan import restart

            restart.accepted(board, self)
        if self.stale & 5 or self.fcnt_up > self.fcnt_ceiling:
            ceiling = self.fcnt_up + _AHEAD
            down = NONE if self.fcnt_down is None else self.fcnt_down
            board.keep(
                ABP_COUNTERS if self.abp else COUNTERS,
                summed(struct.pack(COUNTERS_LAYOUT, self.nonces_crc, ceiling, down)),
            )
            self.fcnt_ceiling = ceiling
        if self.stale & 2:
            board.keep(IMAGE, self.pack())
        self.stale = 0


def summed(record):
    """`record` with its CRC-32."""
    return record + struct.pack(">I", binascii.crc32(record))


def unpack(memory):
    """The Session at the start of `memory` (bytes), None when there is none that is whole."""
    end = int.from_bytes(memory[3:5], "big") - 4
    if memory[:3] != MAGIC or not HEAD_BYTES <= end <= len(memory) - 4:
        return None
    if memory[: end + 4] != summed(memory[:end]):
        return None
    session = Session()
    _, _, channels, bands, region, down, *values = struct.unpack_from(LAYOUT, memory)
    for name, value in zip(NAMES.split(), values):
        setattr(session, name, value)
    session.region = str(region.rstrip(b"\0"), "utf8")
    session.fcnt_down = None if down == NONE else down
    session.mask, session.used = bytearray(session.mask), bytearray(session.used)
    session.channels = []
    at = HEAD_BYTES
    for _ in range(channels):
        hz, rx1_hz, low, high = struct.unpack_from(CHANNEL, memory, at)
        session.channels.append([hz, low, high, rx1_hz])
        at += 10
    session.credits = list(struct.unpack_from(">%dI" % bands, memory, at))
    session.answers = memory[at + 4 * bands : end]
    return session
