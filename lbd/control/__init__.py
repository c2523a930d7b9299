# SPDX-License-Identifier: Apache-2.0
"""Control: what should be forwarded (desired), how that differs from what is (diff), and making it so (reconcile).

``quorum``, ``desired``, ``adopt`` and ``diff`` are pure; only ``reconcile`` talks to the dataplane.
"""
