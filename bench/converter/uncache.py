"""Drops files, and those in folders, from the memory in which the system keeps what was read: the next run has to read the disk.

    python uncache.py PATH...
"""

import os
import sys


def uncache(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    # What is still to be written cannot be dropped.
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def files_in(path: str):
    if os.path.isfile(path):
        yield path
    for folder, _, names in os.walk(path):
        yield from (os.path.join(folder, name) for name in names if os.path.isfile(os.path.join(folder, name)))


if __name__ == "__main__":
    if not hasattr(os, "posix_fadvise"):
        sys.exit("this system does not say how")
    for path in sys.argv[1:]:
        for file in files_in(path):
            uncache(file)
