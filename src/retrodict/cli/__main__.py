"""`python -m retrodict.cli`, for where the script is not on the path."""

import sys

from retrodict.cli import main

sys.exit(main())
