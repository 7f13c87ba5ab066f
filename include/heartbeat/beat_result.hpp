// SPDX-License-Identifier: BSL-1.0
// What a beat came to: acknowledged, gone or failed. A value that every transport gives and the engine decides on.
// Read next: beat_completion.hpp, how it is given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <heartbeat/duration.hpp>

namespace heartbeat {

/// The answer to one beat.
///
/// Threading: a value. Allocates: for the text only.
class BeatResult {
 public:
  /// What a beat can come to.
  enum class Kind : std::uint8_t {
    acknowledged,  ///< the server said that the session lives
    gone,          ///< the server said that it does not know the session
    failed,        ///< no answer, or one that says nothing about the session
  };

  /// The session lives.
  [[nodiscard]] static BeatResult acknowledged() noexcept { return BeatResult{Kind::acknowledged}; }

  /// The session lives, and the server keeps it for `ttl` after this beat. A ttl that is not positive or above 100
  /// years makes the beat a failed one (`errc::bad_ttl`), never a wait of zero.
  [[nodiscard]] static BeatResult acknowledged(Duration ttl) noexcept {
    BeatResult result{Kind::acknowledged};
    result.ttl_ = ttl;
    return result;
  }

  /// The server does not know the session: the heartbeat ends. `text` is what the server said, if it said more.
  [[nodiscard]] static BeatResult gone(std::string text = {}) noexcept {
    BeatResult result{Kind::gone};
    result.text_ = std::move(text);
    return result;
  }

  /// The beat failed. With `retry` it is tried again within the session's validity; without, the heartbeat ends as
  /// failed.
  [[nodiscard]] static BeatResult failed(std::error_code error, std::string text = {}, bool retry = true) noexcept {
    BeatResult result{Kind::failed};
    result.error_ = error;
    result.text_ = std::move(text);
    result.retry_ = retry;
    return result;
  }

  /// Which of the three it is.
  [[nodiscard]] Kind kind() const noexcept { return kind_; }

  /// The ttl the server told with an acknowledgement, if it told one.
  [[nodiscard]] std::optional<Duration> ttl() const noexcept { return ttl_; }

  /// Why the beat failed; no error otherwise.
  [[nodiscard]] const std::error_code& error() const noexcept { return error_; }

  /// The transport's own words on it; may be empty.
  [[nodiscard]] const std::string& text() const& noexcept { return text_; }
  /// As above, to be moved from.
  [[nodiscard]] std::string&& text() && noexcept { return std::move(text_); }

  /// False: trying again is useless (wrong credentials, say).
  [[nodiscard]] bool retry() const noexcept { return retry_; }

 private:
  explicit BeatResult(Kind kind) noexcept : kind_{kind} {}

  Kind kind_;
  bool retry_ = true;
  std::optional<Duration> ttl_;
  std::error_code error_;
  std::string text_;
};

}  // namespace heartbeat
