#!/usr/bin/env bash
# Installs the programs that the benchmark compares with, on Debian and Ubuntu. What is missing is left out of the table, and said.
set -euo pipefail
apt-get install -y -qq --no-install-recommends pgloader python3-pandas python3-psycopg2
