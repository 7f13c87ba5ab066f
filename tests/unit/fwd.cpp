// SPDX-License-Identifier: BSL-1.0
// A user's header that includes fwd.hpp alone, and the .cpp file behind it. Every name of fwd.hpp stands in a
// declaration before it is defined, so one that differs from its definition does not compile.
// [header]
#include <memory>
#include <string>
#include <vector>

#include <heartbeat/fwd.hpp>

class Server;  // a transport of the program's own

class Sessions {
 public:
  explicit Sessions(const Server& server);
  ~Sessions();
  void open(const std::string& id);
  // [header]
  [[nodiscard]] bool shut_down();

  std::vector<heartbeat::EventKind> told;  // by one thread at a time; read after `shut_down()`
                                           // [header]

 private:
  void on_event(const heartbeat::Event<std::string>& event);

  std::unique_ptr<heartbeat::HeartbeatRegistry<std::string, Server>> registry_;
  std::vector<heartbeat::HeartbeatHandle<std::string>> open_;
};
// [header]

using ClientOf = std::string (*)(const std::string& id);
using Registry = heartbeat::HeartbeatRegistry<std::string, Server>;
using Clients = heartbeat::PerClient<std::string, Server, ClientOf>;
using Monitor = heartbeat::HeartbeatMonitor<std::string>;

// A name is none of a complete type yet; nor need a key be.
struct Unfinished;
struct Unfinisheds {
  heartbeat::HeartbeatRegistry<Unfinished, Server>* registry;
  heartbeat::HeartbeatHandle<Unfinished>* handle;
};

template <class... Names>
struct All;
using Policies =
    All<heartbeat::BootClock, heartbeat::Work, heartbeat::Timer, heartbeat::ThreadExecutorOptions,
        heartbeat::BasicThreadExecutor<>, heartbeat::ThreadExecutor, heartbeat::DefaultExecutor<heartbeat::BootClock>,
        heartbeat::NoClose, heartbeat::FunctionTransport<ClientOf>>;
using Calls = All<Registry, heartbeat::HeartbeatHandle<std::string>, heartbeat::HeartbeatGroup<Registry>, Clients,
                  heartbeat::PerClientHandle<std::string>>;
using Choices = All<heartbeat::Duration, heartbeat::ParentToken, heartbeat::Backoff, heartbeat::RegistryOptions,
                    heartbeat::HeartbeatOptions<>, heartbeat::FirstBeat, heartbeat::OnStall, heartbeat::OnEnd,
                    heartbeat::IfRunning>;
using Told =
    All<heartbeat::Event<std::string>, heartbeat::Failure<std::string>, heartbeat::HeartbeatStatus<std::string>,
        heartbeat::EventKind, heartbeat::EndReason, heartbeat::HeartbeatState, heartbeat::errc, heartbeat::condition>;
using Counted =
    All<heartbeat::Statistics, heartbeat::LatenessHistogram, heartbeat::Metric, heartbeat::MetricSample,
        heartbeat::MetricBucket, heartbeat::LabelledStatistics, heartbeat::MetricKind, heartbeat::MetricsFormat>;
using Transported = All<heartbeat::BeatContext, heartbeat::BeatCompletion, heartbeat::CloseCompletion,
                        heartbeat::BeatResult, heartbeat::BeatRequest<std::string>, heartbeat::BeatForm>;
using Received =
    All<Monitor, heartbeat::FixedDeadline, heartbeat::PhiAccrual, heartbeat::PhiAccrualOptions, heartbeat::WatchOptions,
        heartbeat::MonitorOptions, heartbeat::MonitorStatistics, heartbeat::Expiry<std::string>,
        heartbeat::WatchStatus<>, heartbeat::IfWatched, heartbeat::ExpiryReason>;

// From here on it is the .cpp file.
#include <chrono>
#include <type_traits>

#include <boost/test/unit_test.hpp>

#include <heartbeat/heartbeat.hpp>
#include <heartbeat/metrics.hpp>
#include <heartbeat/open_metrics.hpp>

class Server {
 public:
  void async_beat(const std::string&, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
    completion(heartbeat::BeatResult::acknowledged());
  }
};

Sessions::Sessions(const Server& server)
    : registry_{std::make_unique<Registry>(server, [this](const auto& event) { on_event(event); })} {}

Sessions::~Sessions() = default;

void Sessions::open(const std::string& id) {
  open_.push_back(registry_->start(id));
}

void Sessions::on_event(const heartbeat::Event<std::string>& event) {
  told.push_back(event.kind);
}

bool Sessions::shut_down() {
  return registry_->shutdown(std::chrono::seconds{30});
}

template <class... Names>
struct All {
  static constexpr bool are_complete = (... && (sizeof(Names) > 0));
};

BOOST_AUTO_TEST_SUITE(fwd)

BOOST_AUTO_TEST_CASE(a_class_that_named_them_works_once_they_are_there) {
  Sessions sessions{Server{}};
  sessions.open("session-7");

  const bool is_quiet = sessions.shut_down();

  BOOST_TEST(is_quiet);
  BOOST_REQUIRE(!sessions.told.empty());
  BOOST_TEST((sessions.told.back() == heartbeat::EventKind::ended));
}

BOOST_AUTO_TEST_CASE(every_name_is_of_what_the_other_headers_define) {
  BOOST_TEST(Policies::are_complete);
  BOOST_TEST(Calls::are_complete);
  BOOST_TEST(Choices::are_complete);
  BOOST_TEST(Told::are_complete);
  BOOST_TEST(Counted::are_complete);
  BOOST_TEST(Transported::are_complete);
  BOOST_TEST(Received::are_complete);
}

BOOST_AUTO_TEST_CASE(a_key_may_be_named_before_it_is_complete) {
  const Unfinisheds none{nullptr, nullptr};

  BOOST_TEST(!none.registry);
  BOOST_TEST(!none.handle);
}

BOOST_AUTO_TEST_CASE(what_is_named_without_a_clock_is_what_a_registry_without_one_gives) {
  BOOST_TEST((std::is_same_v<Registry::clock_type, heartbeat::BootClock>));
  BOOST_TEST((std::is_same_v<Registry::executor_type, heartbeat::ThreadExecutor>));
  BOOST_TEST((std::is_same_v<Registry::Handle, heartbeat::HeartbeatHandle<std::string>>));
  BOOST_TEST((std::is_same_v<Registry::Options, heartbeat::HeartbeatOptions<>>));
  BOOST_TEST((std::is_same_v<Registry::Status, heartbeat::HeartbeatStatus<std::string>>));
  BOOST_TEST((std::is_same_v<Registry::EventType, heartbeat::Event<std::string>>));
  BOOST_TEST((std::is_same_v<Clients::Handle, heartbeat::PerClientHandle<std::string>>));
  BOOST_TEST((std::is_same_v<Monitor::ExpiryType, heartbeat::Expiry<std::string>>));
  BOOST_TEST((std::is_same_v<Monitor::Status, heartbeat::WatchStatus<>>));
  BOOST_TEST((std::is_same_v<Monitor::detector_type, heartbeat::FixedDeadline>));
}

BOOST_AUTO_TEST_SUITE_END()
