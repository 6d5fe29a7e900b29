#!/bin/sh
# Makes suite.jar. Needs a JDK of version 17 or newer; the suite itself uses nothing but the JDK.
set -eu
cd "$(dirname "$0")"
classes=$(mktemp -d)
trap 'rm -rf "$classes"' EXIT
javac --release 17 -d "$classes" Api.java Cases.java
jar --create --file suite.jar --main-class Api -C "$classes" .
