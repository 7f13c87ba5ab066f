// SPDX-License-Identifier: BSL-1.0
// What names a TypeDB session: 16 bytes (a UUID), held inline, so that a heartbeat's key costs no allocation.
// Read next: transport.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <system_error>

namespace heartbeat::typedb {

/// The id of a TypeDB session, as the server gave it.
///
/// Threading: a value. Blocks: never. Allocates: `to_string` only.
struct SessionId {
  std::array<unsigned char, 16> bytes{};  ///< in the order of the message

  /// From the bytes of a message.
  ///
  /// Throws: std::system_error with `std::errc::invalid_argument` if they are not 16.
  [[nodiscard]] static SessionId from_bytes(std::string_view bytes) {
    std::error_code error;
    const SessionId id = from_bytes(bytes, error);
    if (error) {
      throw std::system_error{error, "a TypeDB session id has 16 bytes, not " + std::to_string(bytes.size())};
    }
    return id;
  }

  /// From the bytes of a message; all zero on error.
  [[nodiscard]] static SessionId from_bytes(std::string_view bytes, std::error_code& error) noexcept {
    SessionId id;
    error = bytes.size() == id.bytes.size() ? std::error_code{} : make_error_code(std::errc::invalid_argument);
    if (!error) std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
    return id;
  }

  /// The bytes as messages carry them; valid as long as the id.
  [[nodiscard]] std::string_view view() const noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  /// Equal in all bytes.
  friend bool operator==(const SessionId&, const SessionId&) noexcept = default;
  /// By the bytes, first to last.
  friend auto operator<=>(const SessionId&, const SessionId&) noexcept = default;
};

/// The id as a UUID is written: `00112233-4455-6677-8899-aabbccddeeff`.
[[nodiscard]] inline std::string to_string(const SessionId& id) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i != id.bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits[id.bytes[i] >> 4];
    text += digits[id.bytes[i] & 0xF];
  }
  return text;
}

inline std::ostream& operator<<(std::ostream& stream, const SessionId& id) {
  return stream << to_string(id);
}

}  // namespace heartbeat::typedb

/// Hashes a session id.
template <>
struct std::hash<heartbeat::typedb::SessionId> {
  // The bytes are random already, and the registry mixes once more.
  /// The hash.
  std::size_t operator()(const heartbeat::typedb::SessionId& id) const noexcept {
    std::uint64_t halves[2];
    std::memcpy(halves, id.bytes.data(), sizeof halves);
    return static_cast<std::size_t>(halves[0] ^ (halves[1] * 0x9E3779B97F4A7C15U));
  }
};
