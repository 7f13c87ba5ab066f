// SPDX-License-Identifier: BSL-1.0
// Which stubs fit: those of etcd's protocol, found through their methods, with messages of any name.
#include <functional>

#include <boost/test/unit_test.hpp>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/status.h>

#include <heartbeat/transports/etcd/stub.hpp>
#include <heartbeat/transports/protocol/etcd.grpc.pb.h>

BOOST_AUTO_TEST_SUITE(stub)

namespace {

using heartbeat::etcd::LeaseStub;
using Lease = etcdserverpb::Lease;

static_assert(LeaseStub<Lease::Stub>);
static_assert(!LeaseStub<int>);

struct Named {
  void set_id(std::int64_t) {}
};
struct Told {
  std::int64_t id() const { return 1; }
  std::int64_t ttl() const { return 2; }
  void set_id(std::int64_t) {}
  const char* error() const { return ""; }
};
struct Wanted {
  void set_ttl(std::int64_t) {}
};

// Somebody else's generated code, as far as it matters.
template <class KeepAliveResponse>
struct Other {
  struct Async {
    void LeaseKeepAlive(grpc::ClientContext*, grpc::ClientBidiReactor<Named, KeepAliveResponse>*) {}
    void LeaseRevoke(grpc::ClientContext*, const Named*, Told*, std::function<void(grpc::Status)>) {}
    void LeaseRevoke(grpc::ClientContext*, const Named*, Told*, grpc::ClientUnaryReactor*) {}
    void LeaseGrant(grpc::ClientContext*, const Wanted*, Told*, std::function<void(grpc::Status)>) {}
    void LeaseGrant(grpc::ClientContext*, const Wanted*, Told*, grpc::ClientUnaryReactor*) {}
  };
  Async* async() { return nullptr; }
  grpc::Status LeaseGrant(grpc::ClientContext*, const Wanted&, Told*) { return {}; }
};

static_assert(LeaseStub<Other<Told>>);
static_assert(!LeaseStub<Other<Named>>);  // its answer tells no ttl

}  // namespace

BOOST_AUTO_TEST_CASE(the_messages_are_found_through_the_methods) {
  using heartbeat::etcd::detail::GrantRpc;
  using heartbeat::etcd::detail::KeepAliveRpc;
  using heartbeat::etcd::detail::RevokeRpc;

  BOOST_CHECK((std::is_same_v<KeepAliveRpc<Lease::Stub>::Request, etcdserverpb::LeaseKeepAliveRequest>));
  BOOST_CHECK((std::is_same_v<KeepAliveRpc<Lease::Stub>::Response, etcdserverpb::LeaseKeepAliveResponse>));
  BOOST_CHECK((std::is_same_v<GrantRpc<Lease::Stub>::Response, etcdserverpb::LeaseGrantResponse>));
  BOOST_CHECK((std::is_same_v<RevokeRpc<Other<Told>>::Request, Named>));
}

BOOST_AUTO_TEST_SUITE_END()
