"""FF H L SUM: the frame of the DYP family (A02YYUW, A01NYUB), of JSN-SR04T and AJ-SR04M in their UART modes."""

from micropython import const

# Larger ones no module of the family measures: without this limit the end of one frame and the beginning of the next
# could pass for a frame.
_FARTHEST_MM = const(10000)
_NO_OBJECT = const(0xFFFD)  # and FFFE: interference


def decode(data):
    """mm of the first frame in `data`, 0 when it says that nothing was heard, None when there is no frame.

    SUM is FF + H + L by DYP's and JSN's sheets and H + L by AJ-SR04M's, modulo 256; either will do.
    """
    for i in range(len(data) - 3):
        if data[i] == 0xFF:
            high, low = data[i + 1], data[i + 2]
            if (data[i + 3] - high - low) & 0xFF in (0, 0xFF):
                distance = high << 8 | low
                if distance <= _FARTHEST_MM:
                    return distance
                if distance >= _NO_OBJECT:
                    return 0
    return None
