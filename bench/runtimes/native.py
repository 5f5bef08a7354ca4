"""Runs a .tflite once for each line of stdin, by LiteRT with XNNPACK on one thread, and prints the seconds.

    python native.py FILE
"""

import sys
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter

interpreter = Interpreter(sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
(source,) = interpreter.get_input_details()
picture = np.random.default_rng(1).uniform(-1, 1, source["shape"])
picture = picture if source["dtype"] == np.float32 else np.round(127 * picture)
interpreter.set_tensor(source["index"], picture.astype(source["dtype"]))
for _ in sys.stdin:
    start = time.perf_counter()
    interpreter.invoke()
    print(time.perf_counter() - start, flush=True)
