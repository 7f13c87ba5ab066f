#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Doxygen finds a word beside everything public, and no reference in the pages that leads nowhere. What it found otherwise
# is printed; the pages are in build/doxygen afterwards.
set -euo pipefail
cd "$(dirname "$0")/../.."
found=$(doxygen cmake/Doxyfile 2>&1) || { echo "$found" >&2; exit 1; }
