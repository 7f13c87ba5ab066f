// SPDX-License-Identifier: BSL-1.0
// The forms a transport may have, and which one is used of a type with several. The smallest type of each form is in
// ../archetypes/transport.cpp.
#include <span>
#include <string>
#include <system_error>

#include <boost/test/unit_test.hpp>

#include <heartbeat/transport.hpp>

namespace {

using heartbeat::beat_form;
using heartbeat::BeatCompletion;
using heartbeat::BeatContext;
using heartbeat::BeatForm;
using heartbeat::BeatRequest;
using heartbeat::BeatResult;
using heartbeat::CloseCompletion;

struct Blocking {
  BeatResult beat(int, const BeatContext&) { return BeatResult::acknowledged(); }
};

struct Async {
  void async_beat(int, const BeatContext&, BeatCompletion) {}
};

struct Batch {
  void async_beat_batch(std::span<BeatRequest<int>>) {}
};

struct AsyncAndBlocking : Async, Blocking {};
struct Everything : Batch, Async, Blocking {};
struct Forced : Batch, Async, Blocking {};

struct SaysYesOrNo {
  bool beat(int, const BeatContext&) { return true; }
};

struct AnswersFromAsync {
  BeatResult async_beat(int, const BeatContext&, BeatCompletion) { return BeatResult::acknowledged(); }
};

struct ClosesAsync {
  void async_close(int, const BeatContext&, CloseCompletion) {}
};

struct ClosesBlocking {
  std::error_code close(int, const BeatContext&) { return {}; }
};

struct ClosesWithoutAnAnswer {
  void close(int, const BeatContext&) {}
};

}  // namespace

template <>
inline constexpr heartbeat::BeatForm heartbeat::beat_form<Forced, int> = heartbeat::BeatForm::async;

namespace {

BOOST_AUTO_TEST_SUITE(transport)

BOOST_AUTO_TEST_CASE(each_form_is_known_by_its_function) {
  static_assert(heartbeat::BlockingTransport<Blocking, int> && !heartbeat::AsyncTransport<Blocking, int>);
  static_assert(heartbeat::AsyncTransport<Async, int> && !heartbeat::BatchTransport<Async, int>);
  static_assert(heartbeat::BatchTransport<Batch, int> && !heartbeat::BlockingTransport<Batch, int>);
  static_assert(beat_form<Blocking, int> == BeatForm::blocking);
  static_assert(beat_form<Async, int> == BeatForm::async);
  static_assert(beat_form<Batch, int> == BeatForm::batch);
}

BOOST_AUTO_TEST_CASE(of_several_forms_the_one_that_carries_most_is_used) {
  static_assert(beat_form<AsyncAndBlocking, int> == BeatForm::async);
  static_assert(beat_form<Everything, int> == BeatForm::batch);
}

BOOST_AUTO_TEST_CASE(another_form_can_be_forced) {
  static_assert(beat_form<Forced, int> == BeatForm::async);
}

BOOST_AUTO_TEST_CASE(a_function_with_another_answer_is_no_beat) {
  static_assert(!heartbeat::Transport<SaysYesOrNo, int>);
  static_assert(!heartbeat::Transport<AnswersFromAsync, int>);
  static_assert(!heartbeat::Transport<int, int>);
}

BOOST_AUTO_TEST_CASE(a_transport_serves_the_keys_it_takes) {
  static_assert(heartbeat::Transport<Blocking, int>);
  static_assert(!heartbeat::Transport<Blocking, std::string>);
}

BOOST_AUTO_TEST_CASE(closing_is_known_by_its_function_and_answer) {
  static_assert(heartbeat::AsyncClosingTransport<ClosesAsync, int>);
  static_assert(heartbeat::BlockingClosingTransport<ClosesBlocking, int>);
  static_assert(!heartbeat::BlockingClosingTransport<ClosesWithoutAnAnswer, int>);
  static_assert(!heartbeat::AsyncClosingTransport<Async, int>);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
