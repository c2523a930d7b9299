# SPDX-License-Identifier: Apache-2.0
"""Bidirectional Forwarding Detection (RFC 5880, 5881, 5883) in asynchronous mode: packets and sessions without I/O."""
