#!/bin/sh
# The compiler through ccache, so that a second tree of the same sources compiles nothing, wherever it lies:
#   compile.sh SOURCE-FOLDER CCACHE COMPILER ARGUMENT...
#
# Two compilations of a precompiled header differ in their bytes, so what is compiled with it would never be found
# again by another tree that made its own. ccache is told to look at a sum beside it instead: of what it was made from.
#
# What a source depends on is taken from the compiler, which finds it anyway (depend mode). Else ccache would run the
# preprocessor first over everything that it has not seen: a seventh of the time of a build with an empty cache.
export CCACHE_BASEDIR="$1" CCACHE_PCH_EXTSUM=1 CCACHE_DEPEND=1
# A header that changes while it is compiled is noticed by its times, and what was made of it is not kept.
export CCACHE_SLOPPINESS=pch_defines,time_macros
root=$1
ccache=$2
shift 2

# A batch of sources names them by their full paths; what is compiled names them from the root, which is searched.
for argument; do
  shift
  case $argument in
    */Unity/unity_*_cxx.cxx)
      batch=${argument%.cxx}.of-root.cxx
      sed "s|^#include \"$root/|#include \"|" "$argument" >"$batch"
      argument=$batch
      ;;
  esac
  set -- "$@" "$argument"
done

output=
previous=
for argument; do
  [ "$previous" = -o ] && output=$argument
  previous=$argument
done
case $output in
  *.gch) ;;
  *) exec "$ccache" "$@" ;;
esac

# One that is there already would be taken for an input of itself.
rm -f "$output" "$output.sum"
"$ccache" "$@" || exit

# The same command, but for the files it writes: it prints the text, and the macros that it leaves defined.
previous=
for argument; do
  shift
  case $previous:$argument in
    *:-o | *:-MT | *:-MF | *:-MD | -o:* | -MT:* | -MF:*) ;;
    *) set -- "$@" "$argument" ;;
  esac
  previous=$argument
done
mv "$output" "$output.made"  # or the compiler would use it
"$@" -E -P -dD -o "$output.text" || exit  # without a sum the bytes count
sha256sum <"$output.text" >"$output.sum"
rm -f "$output.text"
mv "$output.made" "$output"
