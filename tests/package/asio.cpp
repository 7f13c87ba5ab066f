// SPDX-License-Identifier: BSL-1.0
// The same for the component `asio`: Boost.Asio is there, which needs nothing linked.
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <heartbeat/heartbeat.hpp>

int main() {
  boost::asio::io_context context;
  bool ran = false;
  boost::asio::post(context, [&] { ran = true; });
  context.run();
  return ran ? 0 : 1;
}
