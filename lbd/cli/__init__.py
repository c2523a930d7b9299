# SPDX-License-Identifier: Apache-2.0
"""The commands: ``lbd`` (keepalived's command line) and ``lbctl``."""
