// SPDX-License-Identifier: BSL-1.0
// Lines for a log: each type's words, that they are one line whatever a key or a server says, and that operator<< and
// std::format say the same. Read next: ../../include/heartbeat/printing.hpp.
#include <chrono>
#include <cstddef>
#include <functional>
#include <locale>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

#include <boost/test/unit_test.hpp>

#include <heartbeat/error.hpp>
#include <heartbeat/printing.hpp>

namespace {

struct Silent {
  int value;
};

}  // namespace

template <>
struct std::hash<Silent> {
  std::size_t operator()(const Silent& silent) const { return static_cast<std::size_t>(silent.value); }
};

namespace {

using namespace std::chrono_literals;
using heartbeat::BeatResult;
using heartbeat::BootClock;
using heartbeat::EndReason;
using heartbeat::errc;
using heartbeat::EventKind;
using heartbeat::Failure;
using heartbeat::HeartbeatState;
using heartbeat::HeartbeatStatus;
using Status = HeartbeatStatus<std::string>;

// An error whose message is what the test says, as gRPC's is the status' name.
class Words final : public std::error_category {
 public:
  explicit Words(const char* words) : words_{words} {}
  const char* name() const noexcept override { return "words"; }
  std::string message(int) const override { return words_; }

 private:
  const char* words_;
};

template <class Key>
std::string line_of(const Key& key, EventKind kind, std::uint32_t failures = 0, std::error_code error = {},
                    std::string_view text = {}) {
  return to_string(heartbeat::Event<Key>{key, 3, kind, {}, EndReason::stalled, error, text, failures});
}

template <class T>
std::string streamed(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

BOOST_AUTO_TEST_SUITE(printing)

BOOST_AUTO_TEST_CASE(an_event_says_who_what_after_how_many_failures_and_why) {
  const Words deadline{"DEADLINE_EXCEEDED"};
  const std::string key = "session-7";

  BOOST_TEST(line_of(key, EventKind::started) == "session-7 (generation 3) started");
  BOOST_TEST(line_of(key, EventKind::jeopardy, 1, {4, deadline}, "no answer") ==
             "session-7 (generation 3) jeopardy after 1 failure: DEADLINE_EXCEEDED: no answer");
  BOOST_TEST(line_of(key, EventKind::ended, 4, {4, deadline}) ==
             "session-7 (generation 3) ended: stalled after 4 failures: DEADLINE_EXCEEDED");
  BOOST_TEST(line_of(key, EventKind::missed, 2, {}, "down") ==
             "session-7 (generation 3) missed after 2 failures: down");
  BOOST_TEST(line_of(key, EventKind::missed, 255) == "session-7 (generation 3) missed after 255 or more failures");
}

BOOST_AUTO_TEST_CASE(the_reason_is_told_of_an_end_alone) {
  for (int kind = 0; kind < static_cast<int>(EventKind::ended); ++kind)
    BOOST_TEST(line_of(7, static_cast<EventKind>(kind)) ==
               "7 (generation 3) " + std::string{to_string(static_cast<EventKind>(kind))});
  BOOST_TEST(line_of(7, EventKind::ended) == "7 (generation 3) ended: stalled");
}

BOOST_AUTO_TEST_CASE(a_key_that_does_not_print_itself_is_told_by_its_hash) {
  BOOST_TEST(line_of(Silent{255}, EventKind::started) == "#ff (generation 3) started");
}

BOOST_AUTO_TEST_CASE(whatever_a_key_or_a_server_says_it_stays_one_line) {
  const Words two_lines{"one\ntwo"};

  BOOST_TEST(line_of(std::string{"a\nb\x01"}, EventKind::missed, 1, {1, two_lines}, "\r\n\x7f\x1b[31mred") ==
             "a\\nb\\x01 (generation 3) missed after 1 failure: one\\ntwo: \\x0d\\n\\x7f\\x1b[31mred");
  BOOST_TEST(line_of(std::string{"Schlüssel"}, EventKind::started) == "Schlüssel (generation 3) started");
}

BOOST_AUTO_TEST_CASE(the_global_locale_changes_nothing) {
  struct Grouping : std::numpunct<char> {
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  const std::locale before = std::locale::global(std::locale{std::locale::classic(), new Grouping});

  const std::string line = line_of(1234567, EventKind::started);
  std::locale::global(before);

  BOOST_TEST(line == "1234567 (generation 3) started");
}

BOOST_AUTO_TEST_CASE(a_failure_reads_as_its_end_does) {
  const auto refused = std::make_error_code(std::errc::connection_refused);

  BOOST_TEST(to_string(Failure<int>{7, 3, EndReason::gone, {}, {}}) == "7 (generation 3) ended: gone");
  BOOST_TEST(to_string(Failure<int>{7, 3, EndReason::failed, refused, "down"}) ==
             "7 (generation 3) ended: failed: " + refused.message() + ": down");
}

BOOST_AUTO_TEST_CASE(a_status_says_what_it_does_and_until_when_it_is_valid) {
  BOOST_TEST(to_string(Status{"a", 1, HeartbeatState::in_flight, std::nullopt, false, 0}) ==
             "a (generation 1) in_flight, not acknowledged yet");
  BOOST_TEST(to_string(Status{"a", 1, HeartbeatState::waiting, BootClock::time_point{12500ms}, true, 2}) ==
             "a (generation 1) waiting, valid until 12.5 s, in jeopardy after 2 failures");
}

BOOST_AUTO_TEST_CASE(an_answer_is_told_in_the_words_of_the_protocol) {
  const auto refused = std::make_error_code(std::errc::connection_refused);

  BOOST_TEST(to_string(BeatResult::acknowledged()) == "acknowledged");
  BOOST_TEST(to_string(BeatResult::acknowledged(30s)) == "acknowledged, ttl 30 s");
  BOOST_TEST(to_string(BeatResult::gone()) == "gone");
  BOOST_TEST(to_string(BeatResult::failed(refused, "down")) == "failed (" + refused.message() + ": down)");
}

BOOST_AUTO_TEST_CASE(streams_say_the_same_words) {
  const int key = 7;
  const heartbeat::Event<int> event{key, 3, EventKind::ended, {}, EndReason::gone, {}, {}, 0};
  const Failure<int> failure{7, 3, EndReason::gone, {}, {}};
  const Status status{"a", 1, HeartbeatState::held, std::nullopt, false, 0};

  BOOST_TEST(streamed(event) == to_string(event));
  BOOST_TEST(streamed(failure) == to_string(failure));
  BOOST_TEST(streamed(status) == to_string(status));
  BOOST_TEST(streamed(BeatResult::acknowledged(2ms)) == "acknowledged, ttl 2 ms");
  BOOST_TEST(streamed(BeatResult::Kind::failed) == "failed");
  BOOST_TEST(streamed(EventKind::time_gap) == "time_gap");
  BOOST_TEST(streamed(EndReason::shut_down) == "shut_down");
  BOOST_TEST(streamed(HeartbeatState::ready) == "ready");
  BOOST_TEST(streamed(errc::beat_timed_out) == "no answer within the beat timeout");
  BOOST_TEST(streamed(static_cast<BeatResult::Kind>(77)) == "unknown");
}

// <format> came with libstdc++ 13 and libc++ 19; built with an older one, this case is not there.
#ifdef __cpp_lib_format
BOOST_AUTO_TEST_CASE(std_format_says_the_same_words_and_takes_a_width) {
  const int key = 7;
  const heartbeat::Event<int> event{key, 3, EventKind::ended, {}, EndReason::gone, {}, {}, 0};

  BOOST_TEST(std::format("{}", event) == to_string(event));
  BOOST_TEST(std::format("{}", Failure<int>{7, 3, EndReason::gone, {}, {}}) == "7 (generation 3) ended: gone");
  BOOST_TEST(std::format("{}", BeatResult::acknowledged(30s)) == "acknowledged, ttl 30 s");
  BOOST_TEST(std::format("[{:>8}]", EndReason::gone) == "[    gone]");
  BOOST_TEST(std::format("{}", errc::bad_ttl) == to_string(errc::bad_ttl));
}
#endif

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
