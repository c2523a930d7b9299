# SPDX-License-Identifier: Apache-2.0
"""Health checks: probes (one file per kind), the policy that reads their results, and the schedule that runs them."""
