#!/bin/sh
# Takes from a file system what neither the functions nor the gateway ever open, and puts bytecode
# beside every source, the standard library's too (Python's own image ships none: a cold start
# would compile it each time). Run as `sh slim.sh ROOT`, by the Python that ROOT holds.
set -eu
root=$1
library=$(echo "$root"/usr/local/lib/python3.*)
site=$library/site-packages

# Programs for people at a desk, and the installer: nothing is installed into an image.
for name in ensurepip idlelib lib2to3 pydoc_data tkinter turtledemo; do rm -rf "${library:?}/$name"; done
rm -rf "$library"/config-3.* "$root"/usr/local/include "$root"/usr/local/share
for name in pip setuptools wheel pkg_resources _distutils_hack; do
  rm -rf "${site:?}/$name" "$site/$name"-*.dist-info
done
rm -f "$site"/distutils-precedence.pth
find "$site" -type d \( -name tests -o -name testing \) -prune -exec rm -rf {} +
# What compilers, type checkers and translators read.
find "$site" -type f \( -name '*.[ch]' -o -name '*.cpp' -o -name '*.p[xy][xdi]' -o -name '*.po' \) -delete
# Wheels come with the symbols of their compilers: 40 MB of them.
find "$site" -name '*.so*' -type f -exec strip --strip-unneeded {} +

# Bytecode that is bound to its source by nothing but its place needs no look at the source.
find "$library" "$root/app" -name __pycache__ -prune -exec rm -rf {} +
python -m compileall -q -j 1 --invalidation-mode unchecked-hash -s "$root" -p / \
  "$library" "$root/app" > /dev/null || { echo "some source does not compile" >&2; exit 1; }
