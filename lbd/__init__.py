# SPDX-License-Identifier: Apache-2.0
"""lbd: a highly available layer-4 load balancer that reads keepalived.conf."""

__version__ = "0.1.0"
