# Source, not bytecode: MicroPython starts nothing else by itself.
import machine
import micropython

visited = True
# b"b!": the last cold start found a damaged file
if machine.reset_cause() != machine.DEEPSLEEP_RESET or machine.RTC().memory()[:2] == b"b!":
    import sys

    import verify

    verify.cold_start()
    del sys.modules["verify"], verify  # its room is needed
elif machine.wake_reason() != machine.TIMER_WAKE:  # the button: somebody is here
    import verify

    verify.listen()
else:
    visited = False
    micropython.kbd_intr(-1)  # nobody is: what a floating line says may be a Ctrl-C too

try:
    from binnode import node

    node.run(visited)
except Exception as error:  # not even node.py could be loaded: without it there is no more to do than to try again
    import sys

    sys.print_exception(error)
    machine.deepsleep(3600000)
