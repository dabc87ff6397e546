"""An SX1262 as its pins and SPI show it, built from the data sheet (sx1262_tables.py) and not from a driver."""

from binnode_tools.virtual_board.radios import sx1262_tables as t
from binnode_tools.virtual_board.radios.sx1262_commands import SETTERS, Invalid
from binnode_tools.virtual_board.radios.sx1262_states import States


class Sx1262(States):
    """A transaction is what is clocked in while NSS is low; it is obeyed when NSS rises. BUSY high: it is lost."""

    MAX_SPI_HZ = t.MAX_SPI_HZ
    transaction = bytearray()  # so far
    lost = False  # the transaction under way

    def level(self, pin: int, now: int) -> int | None:
        self.now = max(self.now, now)
        if "absent" in self.faults:
            return None
        if pin == self.wiring.busy:
            return int(self.is_busy)
        if pin == self.wiring.dio1 and "dio" not in self.faults:
            return int(bool(self.irq & self.config.dio1_mask))
        return None

    def selected(self) -> None:
        self.transaction, self.lost = bytearray(), self.is_busy
        if self.mode == "sleep" and not self.faults & {"busy", "dead busy"}:
            if self.now - self.slept_at < t.SLEEP_TAKES_US:
                self.find("radio_sleep_soon", us=self.now - self.slept_at)
            else:
                self.wake()

    def nss_floats(self) -> None:
        """Noise on the line is an edge like any other."""
        if self.mode == "sleep":
            self.wake()

    def clock(self, byte: int) -> int:
        index = len(self.transaction)
        self.transaction.append(byte)
        if self.lost:
            return self.open_miso
        opcode, status = self.transaction[0], 0x80 | t.MODE_BITS.get(self.mode, 2) << 4 | self.outcome << 1
        if opcode == t.READ_REGISTER and index >= 4:
            return self._register((self.transaction[1] << 8 | self.transaction[2]) + index - 4)
        if opcode == t.READ_BUFFER and index >= 3:
            return self.buffer[(self.transaction[1] + index - 3) & 255]
        if index >= 2 and opcode in t.NOT_COMMANDS:
            return self._answer(opcode)[index - 2 : index - 1].ljust(1, b"\0")[0]
        return status

    def _register(self, address: int) -> int:
        return self.random.randrange(256) if address in t.RANDOM else self.config.registers.get(address, 0)

    def _answer(self, opcode: int) -> bytes:
        if opcode == t.GET_RSSI:
            return bytes([min(255, max(0, round(-2 * self.receiver.rssi_dbm())))]) if self.receiver.window else b"\xff"
        return {
            t.GET_IRQ: self.irq.to_bytes(2, "big"),
            t.GET_RX_BUFFER: self.received,
            t.GET_PACKET: self.packet,
            t.GET_TYPE: bytes([self.config.packet_type]),
            t.GET_ERRORS: self.config.errors.to_bytes(2, "big"),
        }.get(opcode, b"")

    def deselected(self) -> None:
        transaction, self.transaction = bytes(self.transaction), bytearray()
        if not transaction:
            return
        opcode, parameters = transaction[0], transaction[1:]
        command = t.COMMANDS.get(opcode)
        name = command.name if command else t.NOT_COMMANDS.get(opcode, f"0x{opcode:02X}")
        if self.lost:
            if opcode not in (t.GET_STATUS, 0):  # with these a driver wakes it
                self.find("radio_busy", command=name)
        elif opcode == t.WRITE_REGISTER and len(parameters) > 2:
            for i, value in enumerate(parameters[2:]):
                self._write((parameters[0] << 8 | parameters[1]) + i, value)
        elif opcode == t.WRITE_BUFFER and len(parameters) > 1:
            for i, value in enumerate(parameters[1:]):
                self.buffer[(parameters[0] + i) & 255] = value
        elif command and (opcode or len(parameters) >= command.size):
            self._obey(opcode, command, parameters)
        elif opcode and opcode not in t.NOT_COMMANDS:
            self.outcome = t.INVALID
            self.find("radio_command", what=f"{name}: no command that the model of the SX1262 knows")

    def _write(self, address: int, value: int) -> None:
        self.config.registers[address] = value
        if address == t.RTC_CONTROL and value == 0:
            self.cancel("stray")
        if address == t.RX_GAIN and self.mode == "rx":
            self.enter("rx")

    def _obey(self, opcode: int, command: t.Command, parameters: bytes) -> None:
        if command.modes and self.mode not in command.modes.split():
            self.outcome = t.REFUSED
            self.find("radio_state", command=command.name, mode=self.mode)
            return
        self.outcome = t.DONE
        self.busy(t.COMMAND_US)
        if len(parameters) < command.size:
            self.outcome = t.INVALID
            self.find("radio_command", what=f"{command.name} with {len(parameters)} of {command.size} parameters")
            return
        try:
            if opcode in SETTERS:
                SETTERS[opcode](self.config, parameters)
            else:
                self._act(opcode, parameters)
        except Invalid as wrong:
            self.outcome = t.INVALID
            self.find("radio_command", what=f"{command.name}: {wrong}")

    def _act(self, opcode: int, parameters: bytes) -> None:
        """The commands that do something at once."""
        number = int.from_bytes(parameters[:3], "big")
        name = t.COMMANDS[opcode].name
        if name == "SetSleep":
            self.sleep(bool(parameters[0] & 4))
        elif name == "SetStandby" and parameters[0] == 1:
            self.go("stby_xosc")
        elif name == "SetStandby":
            self.leave()
            self.enter("stby_rc")
        elif name == "SetFs":
            self.go("fs")
        elif name == "SetTx":
            if self.go("tx") and number:
                self.at("tx timeout", self.busy_until + round(number * t.STEP_US), self.timed_out)
        elif name == "SetRx":
            self.rx_timeout = number
            self.go("rx")
        elif name == "SetCad":
            self.go("cad")
        elif name == "Calibrate":
            self.calibrate(parameters[0] & t.ALL_BLOCKS, t.CALIBRATION_US * parameters[0].bit_count() // 7)
            if parameters[0] & t.IMAGE_BLOCK:
                self.config.image_mhz = (902, 928)
        elif name == "CalibrateImage":
            self.config.image_mhz = 4 * parameters[0], 4 * parameters[1]
            self.calibrate(t.IMAGE_BLOCK, t.IMAGE_US)
        elif name == "ClearIrqStatus":
            self.irq &= ~int.from_bytes(parameters[:2], "big")
        elif name == "ClearDeviceErrors":
            self.config.errors = 0
