# SPDX-License-Identifier: Apache-2.0
"""Requests of rtnetlink(7) made from values of the model, as bytes: addresses, routes, rules, virtual links.

pyroute2 follows the kernel (``kernel/mirror.py``). These are our own because half of what keepalived knows of routes
is not in it, and because a failover of 500 addresses is 25 ms of this and a second of that.
"""
