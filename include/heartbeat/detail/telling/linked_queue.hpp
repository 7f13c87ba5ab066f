// SPDX-License-Identifier: BSL-1.0
// First in, first out, through a link of the nodes' own: what waits in it can neither overflow nor fail for want of
// memory. Read next: news.hpp.
#pragma once

#include <cstddef>

namespace heartbeat::detail {

/// `link` is the member of `Node` that leads to the next one; a node is in one list by that link at most. Owns none.
/// Threading: none of its own; the caller holds what protects the list.
template <class Node, Node* Node::*link>
class LinkedQueue {
 public:
  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// The next one that `pop` gives; null if there is none.
  [[nodiscard]] Node* first() const noexcept { return first_; }

  void push(Node& node) noexcept {
    node.*link = nullptr;
    (last_ == nullptr ? first_ : last_->*link) = &node;
    last_ = &node;
    ++size_;
  }

  /// Puts back what was popped, as the next one to be popped.
  void push_front(Node& node) noexcept {
    node.*link = first_;
    first_ = &node;
    if (last_ == nullptr) last_ = &node;
    ++size_;
  }

  [[nodiscard]] Node* pop() noexcept {
    Node* const node = first_;
    if (node == nullptr) return nullptr;
    first_ = node->*link;
    if (first_ == nullptr) last_ = nullptr;
    --size_;
    return node;
  }

 private:
  Node* first_ = nullptr;
  Node* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace heartbeat::detail
