// SPDX-License-Identifier: BSL-1.0
// A receiver that writes down what it was told: what stands behind a completion in these tests, where the engine would.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include <heartbeat/answer_receiver.hpp>

namespace heartbeat::detail {

struct RecordingReceiver final : AnswerReceiver {
  struct Answer {
    AnswerSlot* slot;
    std::uint64_t serial;
    BeatResult result;
  };

  void on_answer(AnswerSlot& slot_answered, std::uint64_t serial, BeatResult&& result) noexcept override {
    answers.push_back({&slot_answered, serial, std::move(result)});
  }
  std::stop_token stop_token_of(AnswerSlot& slot_asked, std::uint64_t serial) override {
    asked_slot = &slot_asked;
    asked_serial = serial;
    return source.get_token();
  }
  void on_second_answer() noexcept override { ++second_answers; }
  void release() noexcept override { ++releases; }

  [[nodiscard]] AnswerTicket ticket(std::uint64_t serial = 7) { return AnswerTicket{*this, slot, serial}; }

  AnswerSlot slot;
  std::vector<Answer> answers;
  std::stop_source source;
  AnswerSlot* asked_slot = nullptr;
  std::uint64_t asked_serial = 0;
  int second_answers = 0;
  int releases = 0;
};

}  // namespace heartbeat::detail
