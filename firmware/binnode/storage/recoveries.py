"""What the node recovers from: a code for each, its bit in a diagnostics message. What each means is in RECOVERY.md."""

RTC_GARBAGE = 0
RTC_DAMAGED = 1
RTC_MIGRATED = 2
RTC_NEWER = 3
CHECKPOINT_RESTORED = 4
CHECKPOINT_DAMAGED = 5
CRASH_RECORD_DAMAGED = 6
NVS_FAILED = 7
CONFIG_DAMAGED = 8
CONFIG_FIELDS = 9
CONFIG_MIGRATED = 10
CONFIG_NEWER = 11
FILES_REPAIRED = 12
BROWN_OUT = 13

# The config's hold at every wake: each is told once, and again only after it was gone in between.
STANDING = 1 << CONFIG_DAMAGED | 1 << CONFIG_FIELDS | 1 << CONFIG_MIGRATED | 1 << CONFIG_NEWER

NAMES = (
    "rtc_garbage",
    "rtc_damaged",
    "rtc_migrated",
    "rtc_newer",
    "checkpoint_restored",
    "checkpoint_damaged",
    "crash_record_damaged",
    "nvs_failed",
    "config_damaged",
    "config_fields",
    "config_migrated",
    "config_newer",
    "files_repaired",
    "brown_out",
)


def names(bits):
    """Those in the mask `bits`, lowest first."""
    return [name for code, name in enumerate(NAMES) if bits >> code & 1]
