"""From a board's file and a MicroPython build to a written chip: build, partitions, NVS, complete image, esptool."""
