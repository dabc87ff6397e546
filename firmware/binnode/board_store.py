"""The part of board.py for storage: a sleep that no timer ends. Loaded by service.sleep() only."""

import machine


def store(board, hours):
    """Deep sleep for so long; 0: until the button is pressed, or a reset."""
    board.rest_ms(100)  # what was printed leaves first
    if hours:
        board.deep_sleep(int(hours * 3600000))
    try:
        board.arm_button()
    finally:
        machine.deepsleep()
