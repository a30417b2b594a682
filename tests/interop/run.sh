#!/bin/sh
# Our macaroons against two independent libraries. Needs node, npm and python3-pymacaroons.
set -eu
cd "$(dirname "$0")"
[ -d node_modules ] || npm ci --no-audit --no-fund
node macaroons.mjs
/usr/bin/python3 macaroons.py
