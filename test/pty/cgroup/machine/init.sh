#!/bin/sh
# The first process of the machine of limits.test.ts. Its disk is the host's, read-only.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts
mount -t devpts -o ptmxmode=666 devpts /dev/pts
mount -t cgroup2 none /sys/fs/cgroup
ip link set lo up
stty -opost 2>/dev/null
cd "${0%/*}" && TMPDIR=/run node cgroups.mjs
echo done
# It is switched off from outside.
exec sleep 1000000
