#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# What type does an `any_io_executor` say is inside it?
#
# Guess: as with std::function and std::any, `target<T>()` gives a null pointer unless the executor inside is a T.
#
# Found: in Asio 1.18 (Boost 1.74, Debian 12's default) `target<T>()` never looks at the type. For an any_io_executor on
# an io_context, `target<thread_pool::executor_type>()` is not null: it is the address of the io_context's executor under
# another type, and whoever uses it reads one object as another. `target_type()` of the same version tells the truth. In
# Asio 1.26 (Boost 1.81, also in Debian 12) the pointer is null, as guessed.
#
# What follows: a library that unwraps `any_io_executor` compares `target_type()` first.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >program.cpp <<'CPP'
#include <cstdio>
#include <typeinfo>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/version.hpp>
#include <boost/version.hpp>

int main() {
  boost::asio::io_context context;
  const boost::asio::any_io_executor any{context.get_executor()};
  using Inside = boost::asio::io_context::executor_type;
  using Other = boost::asio::thread_pool::executor_type;
  std::printf("Boost %s, Asio %d: target of its own type %s, of another type %s, target_type %s\n", BOOST_LIB_VERSION,
              BOOST_ASIO_VERSION, any.target<Inside>() ? "given" : "null", any.target<Other>() ? "given" : "null",
              any.target_type() == typeid(Inside) ? "right" : "wrong");
}
CPP

for pinned in libboost1.74-dev=1.74.0+ds1-21 libboost1.81-dev=1.81.0-5+deb12u1; do
  package=${pinned%%=*}
  version=${package#libboost}
  version=${version%-dev}
  apt-get download -q "$pinned" >/dev/null 2>&1 || { echo "$pinned cannot be had here" >&2; exit 2; }
  mkdir "$version"
  dpkg -x "$package"_*.deb "$version"
  g++ -std=c++20 -w -I "$version/usr/include" program.cpp -o "program-$version" -pthread
  "./program-$version" | tee "said-$version"
  rm -f "$package"_*.deb
done

grep -q 'Asio 101800: target of its own type given, of another type given, target_type right' said-1.74
grep -q 'Asio 102600: target of its own type given, of another type null, target_type right' said-1.81
echo "as found"
