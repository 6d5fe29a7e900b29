#!/bin/sh
# Makes `checks`: the tests as one static program for the runner. GOARCH=arm64 sh build.sh makes it for another machine.
set -eu
cd "$(dirname "$0")"
CGO_ENABLED=0 GOOS=linux go test -c -trimpath -ldflags="-s -w" -o checks .
