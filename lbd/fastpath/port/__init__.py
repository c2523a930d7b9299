# SPDX-License-Identifier: Apache-2.0
"""Ports: opening them (here), and the four functions that each is to a worker (the .pxd files)."""
