#include "worker/src/connection_slots.hpp"

#include <sys/socket.h>

#include <algorithm>

#include "common/base/assert.hpp"

namespace tandem {

CallerSlots::Handle CallerSlots::add(int socket) {
  if (newcomers_ >= capacity_.newcomers) evict_waiting(Caller::newcomer);
  ++newcomers_;
  return open_.insert(open_.end(), Connection{socket});
}

unsigned& CallerSlots::count_of(Caller caller) {
  switch (caller) {
    case Caller::newcomer: return newcomers_;
    case Caller::direct: return direct_;
    case Caller::master: return masters_;
  }
  assertion_failed("a known caller", __FILE__, __LINE__);
}

void CallerSlots::move(Connection& connection, Caller caller) {
  --count_of(connection.caller);
  ++count_of(caller);
  connection.caller = caller;
}

CallerSlots::Admission CallerSlots::begin_request(Handle connection, bool from_master) {
  if (connection->state == State::evicted) return Admission::evicted;
  TANDEM_ASSERT(connection->state == State::waiting);
  const bool was_master = connection->caller == Caller::master;
  if (from_master && (was_master || masters_ < capacity_.masters)) {
    move(*connection, Caller::master);
  } else if (connection->caller != Caller::direct) {
    if (direct_ >= capacity_.direct && !evict_waiting(Caller::direct)) return Admission::full;
    move(*connection, Caller::direct);
  }
  connection->state = State::serving;
  return Admission::admitted;
}

void CallerSlots::end_request(Handle connection) {
  TANDEM_ASSERT(connection->state == State::serving);
  connection->state = State::waiting;
  open_.splice(open_.end(), open_, connection);
}

void CallerSlots::remove(Handle connection) {
  if (connection->state != State::evicted) --count_of(connection->caller);
  open_.erase(connection);
}

bool CallerSlots::evict_waiting(Caller caller) {
  const auto oldest = std::find_if(open_.begin(), open_.end(), [caller](const Connection& one) {
    return one.caller == caller && one.state == State::waiting;
  });
  if (oldest == open_.end()) return false;
  --count_of(caller);
  oldest->state = State::evicted;
  ::shutdown(oldest->socket, SHUT_RDWR);
  return true;
}

bool CallerSlots::evict_one() {
  return evict_waiting(Caller::newcomer) || evict_waiting(Caller::direct);
}

void CallerSlots::shut_down_all() {
  for (const auto& connection : open_) ::shutdown(connection.socket, SHUT_RDWR);
}

}  // namespace tandem
