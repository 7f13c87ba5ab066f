// SPDX-License-Identifier: BSL-1.0
// A parent's stop token as an option. std::optional<std::stop_token> would do, if every supported compiler took it for
// a literal type; options must be one, so that constants among them are checked while compiling. Read next:
// options.hpp.
#pragma once

#include <utility>

#include <heartbeat/detail/threads/require_stop_token.hpp>

namespace heartbeat {

/// A stop token, or none.
///
/// Threading: a value. Allocates: when made from a token, and when such a one is copied. Throws: std::bad_alloc then.
class ParentToken {
 public:
  constexpr ParentToken() noexcept = default;

  /// Implicit, so that `.parent = token` reads as it is meant.
  ParentToken(std::stop_token token) : token_{new std::stop_token{std::move(token)}} {}  // NOLINT

  /// A copy of the token. Throws: std::bad_alloc.
  constexpr ParentToken(const ParentToken& other) {
    if (other.token_ != nullptr) token_ = new std::stop_token{*other.token_};
  }

  /// Takes the token over.
  constexpr ParentToken(ParentToken&& other) noexcept : token_{std::exchange(other.token_, nullptr)} {}

  /// Copies or takes the token over.
  constexpr ParentToken& operator=(ParentToken other) noexcept {
    std::swap(token_, other.token_);
    return *this;
  }

  constexpr ~ParentToken() { delete token_; }

  /// True if there is a token.
  [[nodiscard]] constexpr explicit operator bool() const noexcept { return token_ != nullptr; }

  /// The token; an empty one if there is none.
  [[nodiscard]] std::stop_token token() const noexcept { return token_ == nullptr ? std::stop_token{} : *token_; }

 private:
  std::stop_token* token_ = nullptr;
};

}  // namespace heartbeat
