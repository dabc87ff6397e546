"""What a reading is (payload v1, byte 4-5), and what one ping can say instead of an echo time."""

OK = 0  # distance trusted, the only kind with a fill level
NOISY = 1  # the pings disagree
NO_ECHO = 2  # the module answered and heard nothing
TOO_NEAR = 3  # echo from inside the blind zone: waste, or dirt, touches the module
TOO_FAR = 4  # echo from beyond the module's range
LID_OPEN = 5  # echo from beyond the bin's bottom: the lid is open, or the module hangs askew
FAULT = 6  # the module is silent, or holds its echo line high

NAMES = ("ok", "noisy", "no_echo", "too_near", "too_far", "lid_open", "fault")

# Results of a ping below zero. The first two are what time_pulse_us returns for the same things.
PING_NO_ECHO = -1  # the pulse did not end in time, or is the one that stands for a missing echo
PING_SILENT = -2  # the echo line never rose
PING_STUCK = -3  # the echo line was high before the trigger
