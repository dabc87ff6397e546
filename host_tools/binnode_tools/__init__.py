"""Host tools of binnode: the virtual board, the image, the codec, the serial tools."""
