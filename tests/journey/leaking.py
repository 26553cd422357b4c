"""What a token looks like wherever it was written down."""

import re

# A JWT begins with the base64 of its header's first bytes. Those three letters alone also turn up inside random names.
TOKEN = re.compile(r"(?<![A-Za-z0-9_-])eyJ|(?<=%3[Dd])eyJ|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]")
