"""Loaded by Python as it starts, where PYTHONPATH has this folder: tells the peak memory of the process as it ends.

The number of bytes goes to descriptor 3, as from ../../children/report-peak.ts.
"""

import atexit
import os
import re
import resource
import sys

PEAK_DESCRIPTOR = 3


@atexit.register
def report_peak() -> None:
    os.write(PEAK_DESCRIPTOR, str(peak_bytes()).encode())


def peak_bytes() -> int:
    """Largest resident set. Linux counts `ru_maxrss` from before the exec, so that it may be the parent's."""
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\s*(\d+) kB", status.read()).group(1)) * 1024
