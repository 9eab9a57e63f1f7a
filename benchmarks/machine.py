"""What every result says about how it was made."""

import os
import platform
import time


def described(command):
    return {
        "command": command,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "date": time.strftime("%Y-%m-%d"),
    }
