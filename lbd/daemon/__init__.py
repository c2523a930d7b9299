# SPDX-License-Identifier: Apache-2.0
"""Composition roots: supervisor, vrrp, check and dp, each a process, and the messages between them."""
