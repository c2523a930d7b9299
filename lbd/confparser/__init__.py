# SPDX-License-Identifier: Apache-2.0
"""keepalived.conf → ``lbd.model.Config``, with a message and a position for everything that is wrong with it.

Reads files and nothing else: what exists on the machine is passed in.
"""

from lbd.confparser.codes import CODES, Code, Severity
from lbd.confparser.diagnostics import Diagnostic, colour_wanted
from lbd.confparser.formats import FORMS, render
from lbd.confparser.load import Loaded, default_config_id, load

__all__ = [
    "CODES",
    "FORMS",
    "Code",
    "Diagnostic",
    "Loaded",
    "Severity",
    "colour_wanted",
    "default_config_id",
    "load",
    "render",
]
