"""The acts of the virtual board: everything the firmware can do to hardware, as one number each.

Shared by the stand-ins inside the VM and by the world in CPython; the page is ACTS.md, held true by a test.
"""

# chip
BOOT = 1
MAIN_ENDED = 2
RESET_CAUSE = 3
WAKE_REASON = 4
UNIQUE_ID = 5
FREQ = 6
RESET = 7
DEEP_SLEEP = 8
LIGHT_SLEEP = 9
CHIP_TEMPERATURE = 10
RTC_READ = 11
RTC_WRITE = 12
WATCHDOG = 13
# time
TICKS_US = 16
TICKS_MS = 17
SLEEP_US = 18
TIME = 19
SET_TIME = 20
# pins
PIN_MODE = 32
PIN_READ = 33
PIN_WRITE = 34
PIN_HOLD = 35
TIME_PULSE = 36
ADC_INIT = 37
ADC_READ = 38
DEEP_SLEEP_HOLD = 39
UART_OPEN = 40
WAKE_ON = 41
MEM_BACKUP = 42
KBD_INTR = 43
# 1-Wire
OW_RESET = 48
OW_WRITE = 49
OW_READ = 50
# SPI, to a radio
SPI_OPEN = 52
SPI_TRANSFER = 53
# UART and I2C, to a distance module; UART_OPEN is 40
UART_CLOSE = 56
UART_READ = 57
UART_ANY = 58
UART_WRITE = 59
UART_FLUSH = 60
I2C_OPEN = 61
I2C_WRITE = 62
I2C_READ = 63
# storage
NVS_GET_I32 = 64
NVS_SET_I32 = 65
NVS_GET_BLOB = 66
NVS_SET_BLOB = 67
NVS_ERASE = 68
NVS_COMMIT = 69
NVS_OPEN = 120
FLASH_WRITE = 72
FLASH_ERASE = 73
# network
WIFI_ACTIVE = 80
WIFI_CONNECT = 81
WIFI_DISCONNECT = 82
WIFI_STATUS = 83
WIFI_CONFIG = 84
WIFI_ADDRESS = 85
SOCK_OPEN = 96
SOCK_CONNECT = 97
SOCK_SEND = 98
SOCK_RECV = 99
SOCK_TIMEOUT = 100
SOCK_CLOSE = 101
RANDOM = 104
TLS_DATES = 105

# How an answer ends: a value, or an exception that the stand-in raises.
OK = 0
OS_ERROR = 1
VALUE_ERROR = 2
RUNTIME_ERROR = 3

# Among the events of an answer: somebody at the console wants the running program to stop.
CTRL_C = 128

REQUEST = ">BIiiH"  # act, flash bytes read since the last act, a, b, length of the data that follows
ANSWER = ">BBqH"  # status, pending events, value, length of the data that follows
REQUEST_SIZE = 15
ANSWER_SIZE = 12
TICKS_PERIOD = 1 << 30
EPOCH_2000_S = 946684800  # seconds from 1970 to 2000, where the chip's time begins
