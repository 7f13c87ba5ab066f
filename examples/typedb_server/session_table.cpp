// SPDX-License-Identifier: BSL-1.0
// Beginnings and ends of sessions. Read next: session_table.hpp.
#include "typedb_server/session_table.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

namespace typedb_server {

namespace {

// Calls what sessions that ended have to tell; without a lock, since it may ask the table again.
void tell(const std::vector<std::function<void()>>& endings) {
  for (const auto& ending : endings)
    ending();
}

}  // namespace

SessionTable::SessionTable(Now now, SchemaLocks& locks)
    : now_{std::move(now)}, locks_{locks}, generator_{std::random_device{}()}, timer_{[this] { run_timer(); }} {}

SessionTable::~SessionTable() {
  {
    const std::scoped_lock lock{mutex_};
    is_ending_ = true;
  }
  timer_woken_.notify_one();
  timer_.join();
}

SessionTable::Id SessionTable::open(Opening opening) {
  const std::scoped_lock lock{mutex_};
  const Time now = expire_due();
  const Id id = draw_id();
  ++counters_.opened;
  changed_.notify_all();
  if (opening.idle_timeout.count() <= 0) {
    ++counters_.expired;
    dead_at_opening_.insert(id);
    if (opening.is_schema) locks_.release(opening.database);
    return id;
  }
  ++counters_.open;
  const Time deadline = now + opening.idle_timeout;
  set_deadline(id, open_.emplace(id, Session{std::move(opening), deadline, Time::max(), {}}).first->second, deadline);
  return id;
}

bool SessionTable::pulse(const Id& id) {
  const std::scoped_lock lock{mutex_};
  const Time now = expire_due();
  const auto session = open_.find(id);
  const bool is_alive = session != open_.end();
  if (is_alive && session->second.transactions.empty()) {
    set_deadline(id, session->second, now + session->second.opening.idle_timeout);
  }
  ++counters_.pulses;
  ++(is_alive ? counters_.alive : counters_.unknown);
  changed_.notify_all();
  return is_alive;
}

void SessionTable::count_disturbed_pulse() {
  const std::scoped_lock lock{mutex_};
  ++counters_.pulses;
  ++counters_.disturbed;
  changed_.notify_all();
}

bool SessionTable::close(const Id& id) {
  Endings endings;
  bool is_fine = false;
  {
    const std::scoped_lock lock{mutex_};
    expire_due();
    const auto session = open_.find(id);
    is_fine = session != open_.end();
    if (is_fine) erase(session, endings);
    ++(is_fine ? counters_.closed : counters_.unknown_closes);
    ++closes_[id];
    // In TypeDB the close races with the timer that ends such a session.
    if (dead_at_opening_.erase(id) == 1) is_fine = generator_() % 2 == 0;
    changed_.notify_all();
  }
  tell(endings);
  return is_fine;
}

bool SessionTable::forget(const Id& id) {
  Endings endings;
  {
    const std::scoped_lock lock{mutex_};
    expire_due();
    const auto session = open_.find(id);
    if (session == open_.end()) return false;
    erase(session, endings);
    ++counters_.forgotten;
    changed_.notify_all();
  }
  tell(endings);
  return true;
}

std::size_t SessionTable::forget_some(std::size_t count) {
  Endings endings;
  std::size_t forgotten = 0;
  {
    const std::scoped_lock lock{mutex_};
    forgotten = forget_if(
        count, [](const Session&) { return true; }, endings);
  }
  tell(endings);
  return forgotten;
}

void SessionTable::forget_database(const std::string& name) {
  Endings endings;
  {
    const std::scoped_lock lock{mutex_};
    forget_if(
        std::numeric_limits<std::size_t>::max(),
        [&](const Session& session) { return session.opening.database == name; }, endings);
  }
  tell(endings);
}

std::optional<SessionTable::Token> SessionTable::begin_transaction(const Id& id, std::function<void()> on_session_end) {
  const std::scoped_lock lock{mutex_};
  expire_due();
  const auto session = open_.find(id);
  if (session == open_.end()) return std::nullopt;
  session->second.deadline = Time::max();
  session->second.transactions.emplace(++last_token_, std::move(on_session_end));
  ++transactions_;
  return last_token_;
}

void SessionTable::end_transaction(const Id& id, Token token) {
  std::function<void()> last;  // dies without the lock: it may hold the transaction
  const std::scoped_lock lock{mutex_};
  const Time now = expire_due();
  const auto session = open_.find(id);
  if (session == open_.end()) return;
  auto& transactions = session->second.transactions;
  const auto transaction = transactions.find(token);
  if (transaction == transactions.end()) return;
  last = std::move(transaction->second);
  transactions.erase(transaction);
  --transactions_;
  if (transactions.empty()) set_deadline(id, session->second, now + session->second.opening.idle_timeout);
}

std::size_t SessionTable::transactions() {
  const std::scoped_lock lock{mutex_};
  return transactions_;
}

Counters SessionTable::counters() {
  const std::scoped_lock lock{mutex_};
  expire_due();
  return counters_;
}

std::vector<SessionTable::Id> SessionTable::ids() {
  const std::scoped_lock lock{mutex_};
  expire_due();
  std::vector<Id> ids;
  for (const auto& [id, session] : open_)
    ids.push_back(id);
  return ids;
}

bool SessionTable::knows(const Id& id) {
  const std::scoped_lock lock{mutex_};
  expire_due();
  return open_.contains(id);
}

int SessionTable::closes(const Id& id) {
  const std::scoped_lock lock{mutex_};
  const auto found = closes_.find(id);
  return found == closes_.end() ? 0 : found->second;
}

bool SessionTable::wait_for(std::chrono::milliseconds limit, const std::function<bool(const Counters&)>& is_pleased) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, limit, [&] {
    expire_due();
    return is_pleased(counters_);
  });
}

// Ends the sessions whose time has come; returns the time by which that was judged.
SessionTable::Time SessionTable::expire_due() {
  const Time now = now_();
  while (!due_.empty() && due_.begin()->first <= now) {
    const Id id = due_.begin()->second;
    const auto session = open_.find(id);
    if (session->second.deadline > now) {
      due_.erase(due_.begin());
      session->second.looked_at = session->second.deadline;
      due_.emplace(session->second.looked_at, id);
      continue;
    }
    Endings none;  // it has no transactions: these suspend the timeout
    erase(session, none);
    ++counters_.expired;
    changed_.notify_all();
  }
  return now;
}

void SessionTable::set_deadline(const Id& id, Session& session, Time deadline) {
  session.deadline = deadline;
  if (deadline >= session.looked_at && session.looked_at != Time::max()) return;
  due_.erase({session.looked_at, id});
  session.looked_at = deadline;
  const auto position = due_.emplace(deadline, id).first;
  if (position == due_.begin()) timer_woken_.notify_one();
}

void SessionTable::erase(Sessions::iterator position, Endings& endings) {
  const auto& [id, session] = *position;
  for (const auto& [token, on_session_end] : session.transactions)
    endings.push_back(on_session_end);
  transactions_ -= session.transactions.size();
  if (session.opening.is_schema) locks_.release(session.opening.database);
  due_.erase({session.looked_at, id});
  open_.erase(position);
  --counters_.open;
}

std::size_t SessionTable::forget_if(std::size_t most, const std::function<bool(const Session&)>& is_meant,
                                    Endings& endings) {
  expire_due();
  std::size_t forgotten = 0;
  for (auto session = open_.begin(); forgotten != most && session != open_.end();) {
    const auto next = std::next(session);
    if (is_meant(session->second)) {
      erase(session, endings);
      ++forgotten;
    }
    session = next;
  }
  counters_.forgotten += forgotten;
  changed_.notify_all();
  return forgotten;
}

void SessionTable::run_timer() {
  constexpr Time::duration longest = std::chrono::hours{1};  // no time point to wait for overflows
  std::unique_lock lock{mutex_};
  while (!is_ending_) {
    const Time now = expire_due();
    const Time next = due_.empty() ? now + longest : std::min(due_.begin()->first, now + longest);
    timer_woken_.wait_for(lock, next - now);
  }
}

// A random UUID: version 4, variant 1.
SessionTable::Id SessionTable::draw_id() {
  const std::uint64_t halves[2] = {generator_(), generator_()};
  Id id;
  static_assert(sizeof halves == sizeof id.bytes);
  std::memcpy(id.bytes.data(), halves, sizeof halves);
  id.bytes[6] = static_cast<unsigned char>((id.bytes[6] & 0x0F) | 0x40);
  id.bytes[8] = static_cast<unsigned char>((id.bytes[8] & 0x3F) | 0x80);
  return id;
}

}  // namespace typedb_server
