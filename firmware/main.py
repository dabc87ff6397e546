# Source, not bytecode: MicroPython starts nothing else by itself.
import machine

if machine.reset_cause() != machine.DEEPSLEEP_RESET:
    import verify

    verify.cold_start()

from binnode import node

node.run()
